# SPDX-License-Identifier: Apache-2.0
"""Sampling: xfer beside transformers' `generate`, on the same weights, prompts and threads.

    python bench/bench_sample.py                      # both models, batches of 1, 32 and 64
    python bench/bench_sample.py --sides peer --models smollm2 --batches 1 --rounds 1

Every sequence gets exactly `--new` tokens after a prompt of `--prompt` random ones, in float32
(xfer in bf16 with `--weights`). The time includes the reading of the prompts. With temperature 0
(the default) both sides should choose the same tokens; the share that agrees is printed. In bf16
they choose others after the first near tie.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import support
from support import Result, Work


def timed_runs(work: Work, generate: Callable[[np.ndarray, int], np.ndarray]) -> Result:
    """`generate` takes prompts and a number of new tokens and returns the new ones."""
    prompts = support.random_tokens(work["model"], (work["batch"], work["prompt"]), 0)
    generate(prompts, 2)  # buffers, threads, caches
    seconds = []
    for _ in range(work["repeats"]):
        start = time.perf_counter()
        tokens = generate(prompts, work["new"])
        seconds.append(time.perf_counter() - start)
        if tokens.shape != (work["batch"], work["new"]):
            raise RuntimeError(f"not every sequence has all its tokens: {tokens.shape}")
    return {
        "tokens_per_s": tokens.size / statistics.median(seconds),
        "tokens_per_s_best": tokens.size / min(seconds),
        "tokens": tokens.tolist(),
    }


def sample_peer(work: Work, threads: int) -> Result:
    import torch
    from transformers import AutoModelForCausalLM

    support.quiet_peer(threads)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float32).eval()
    # No end-of-text token: nobody may stop early.
    model.generation_config.eos_token_id = None
    how = (
        {"do_sample": True, "temperature": work["temperature"], "top_k": 0, "top_p": 1.0}
        if work["temperature"] > 0
        else {"do_sample": False}
    )

    def generate(prompts: np.ndarray, new: int) -> np.ndarray:
        ids = torch.from_numpy(prompts)
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=new,
                pad_token_id=0,
                **how,
            )
        return np.asarray(out[:, prompts.shape[1] :])

    return timed_runs(work, generate)


def sample_xfer(work: Work, threads: int) -> Result:
    import xfer

    model = xfer.Model.load(work["model"], threads=threads, weights=work["weights"])
    sampler = model.sampler()

    def generate(prompts: np.ndarray, new: int) -> np.ndarray:
        answers = sampler.sample_batch(
            list(prompts.astype(np.int32)),
            num_samples=1,
            max_tokens=new,
            temperature=work["temperature"],
            seed=0,
            stop_tokens=[],
        )
        return np.stack([completions[0].tokens for completions in answers])

    return timed_runs(work, generate)


def works_of(options: argparse.Namespace, name: str, folder: Path) -> list[Work]:
    return [
        {
            "label": f"{name}, batch {batch}, {options.prompt} + {options.new} tokens",
            "model": str(folder),
            "batch": batch,
            "prompt": options.prompt,
            "new": options.new,
            "temperature": options.temperature,
            "repeats": 5 if support.is_small(folder) else 1,
        }
        for batch in options.batches
    ]


def print_agreement(results: Sequence[Result]) -> None:
    for label in dict.fromkeys(r["label"] for r in results):
        chosen = {r["side"]: np.array(r["tokens"]) for r in results if r["label"] == label}
        peer = chosen.get(support.PEER, chosen.get(support.PEER_SPINNING))
        own = chosen.get(support.XFER)
        if peer is not None and own is not None and results[0]["temperature"] == 0:
            print(f"{label}: {np.mean(peer == own):.1%} of the greedy tokens agree")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32, 64])
    parser.add_argument("--prompt", type=int, default=64, help="tokens in a prompt")
    parser.add_argument("--new", type=int, default=64, help="new tokens per sequence")
    parser.add_argument("--temperature", type=float, default=0.0)
    support.Benchmark(
        script=Path(__file__),
        peer_name="transformers generate",
        works_of=works_of,
        peer=sample_peer,
        xfer=sample_xfer,
        compare=print_agreement,
    ).run(parser)


if __name__ == "__main__":
    main()
