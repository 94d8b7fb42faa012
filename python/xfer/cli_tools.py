"""Commands about models and this machine: sample, doctor."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
from pathlib import Path
from typing import Annotated

import typer

import xfer
from xfer import _native, cli_serve

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def add_to(app: typer.Typer) -> None:
    app.command("sample")(sample)
    app.command("doctor")(doctor)


def sample(
    model: Annotated[
        str,
        typer.Argument(
            help="embedded:small, embedded:large, pypi:<package>, a model folder or a .gguf file."
        ),
    ],
    prompt: Annotated[str, typer.Argument(help="What the user says to the model.")],
    max_tokens: Annotated[int, typer.Option(min=1)] = 128,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 is greedy.")] = 0.0,
    num_samples: Annotated[int, typer.Option(min=1)] = 1,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    renderer: Annotated[str, typer.Option(help="Chat template; auto: the model's own.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, help="0: all cores.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Let a model answer a prompt."""
    loaded = xfer.Model.load(model, threads=threads)
    name = xfer.Renderer.recommended(loaded.tokenizer) if renderer == "auto" else renderer
    chat = xfer.Renderer(name, loaded.tokenizer)
    completions = loaded.sampler().sample(
        chat.generation_prompt([{"role": "user", "content": prompt}]),
        num_samples=num_samples,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        stop_tokens=chat.stop_tokens,
        stop_strings=chat.stop_strings,
    )
    answers = [
        {
            "text": chat.parse_answer(c.tokens),
            "tokens": len(c.tokens),
            "stop_reason": c.stop_reason,
            "logprob": float(c.logprobs.sum()),
        }
        for c in completions
    ]
    if as_json:
        typer.echo(json.dumps({"model": loaded.name, "renderer": name, "answers": answers}))
        return
    for answer in answers:
        typer.echo(answer["text"])


def doctor(
    url: Annotated[
        str, typer.Option(help="A Tinker-compatible service to examine in place of this machine.")
    ] = "",
    model: Annotated[
        str, typer.Option(help="The base model to use there; the first it lists if not given.")
    ] = "",
    samples: Annotated[
        int, typer.Option(min=1, help="How many samples it must bear at once.")
    ] = 512,
    record: Annotated[
        Path | None,
        typer.Option(help="Write each exchange with the service here, without secrets."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check what this machine offers, or how far a service keeps to the protocol."""
    if url:
        cli_serve.examine(url, model, samples, as_json, record)
        return
    checks = [*_machine(), _sandbox(), *(_model(size) for size in ("small", "large"))]
    if as_json:
        fields = ("check", "ok", "detail")
        typer.echo(json.dumps([dict(zip(fields, c, strict=True)) for c in checks], indent=2))
    else:
        for name, fine, detail in checks:
            typer.echo(f"{'ok     ' if fine else 'missing'} {name}: {detail}")


Check = tuple[str, bool, str]


def _machine() -> list[Check]:
    flags = _cpu_flags()
    wanted = [f for f in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16") if f in flags]
    free = shutil.disk_usage(Path.cwd()).free
    versions = [f"{p} {importlib.metadata.version(p)}" for p in ("numpy", "typer", "rich")]
    return [
        ("xfer", True, f"{xfer.__version__}, Python {platform.python_version()}"),
        ("processor", "avx2" in wanted, f"{os.cpu_count()} cores, {' '.join(wanted) or 'no AVX2'}"),
        ("free memory", True, _free_memory()),
        ("free disk", True, f"{free / 2**30:.1f} GiB here"),
        ("libraries", True, ", ".join(versions)),
    ]


def _cpu_flags() -> set[str]:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def _free_memory() -> str:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable"):
            return f"{int(line.split()[1]) / 2**20:.1f} GiB"
    return "unknown"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _sandbox() -> Check:
    try:
        _native.check_sandbox()
    except xfer.Error as error:
        return "sandbox for code answers", False, str(error)
    return "sandbox for code answers", True, "self test passed"


def _model(size: str) -> Check:
    name = f"embedded:{size}"
    try:
        return f"model {name}", True, str(_native.locate_model(name))
    except xfer.Error as error:
        return f"model {name}", False, str(error)
