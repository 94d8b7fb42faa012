# SPDX-License-Identifier: Apache-2.0
"""What this machine offers, and whether training and sampling work on it."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xfer
from xfer import _native

#: Processor features for which the engine has faster inner loops.
FEATURES = ("avx2", "fma", "f16c", "avx512f", "avx512_bf16", "amx_bf16")
#: What each extra brings; the packages are not needed otherwise.
EXTRAS = {
    "plots": ("matplotlib",),
    "pandas": ("pandas",),
    "data": ("pyarrow", "huggingface_hub"),
}
MEMORY_MIN = DISK_MIN = 2**30
TRAINING_SECONDS, SAMPLING_SECONDS = 5.0, 3.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; without one that is `needed`, xfer cannot work."""

    name: str
    ok: bool
    detail: str
    needed: bool = False

    def as_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        return {"check": fields.pop("name"), **fields}


def checks(*, self_test: bool = True) -> Iterator[Check]:
    """Every check, as it is made."""
    yield Check("xfer", True, f"{xfer.__version__}, Python {platform.python_version()}")
    yield _processor()
    yield _memory()
    free = shutil.disk_usage(Path.cwd()).free
    yield Check("free disk", free >= DISK_MIN, f"{free / 2**30:.1f} GiB here")
    yield _packages()
    yield from (_extra(name, packages) for name, packages in EXTRAS.items())
    yield _system_libraries()
    yield _bubblewrap()
    yield _sandbox()
    yield from (_model(size) for size in ("small", "large"))
    if self_test:
        yield from _self_test()


def _processor() -> Check:
    flags: set[str] = set()
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("flags"):
            flags = set(line.partition(":")[2].split())
            break
    found = [f for f in FEATURES if f in flags]
    cores = len(os.sched_getaffinity(0))
    slow = "" if "avx2" in found else "; without AVX2 the engine is several times slower"
    detail = f"{cores} of {os.cpu_count()} cores, {' '.join(found) or 'no AVX2'}{slow}"
    return Check("processor", "avx2" in found, detail)


def _memory() -> Check:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable"):
            free = int(line.split()[1]) * 1024
            return Check("free memory", free >= MEMORY_MIN, f"{free / 2**30:.1f} GiB")
    return Check("free memory", True, "unknown")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return ""


def _packages() -> Check:
    versions = {p: _version(p) for p in ("numpy", "typer", "rich")}
    missing = [name for name, version in versions.items() if not version]
    detail = ", ".join(version or f"{name} is missing" for name, version in versions.items())
    return Check("Python packages", not missing, detail, needed=True)


def _extra(name: str, packages: tuple[str, ...]) -> Check:
    versions = [_version(p) for p in packages]
    if all(versions):
        return Check(f"extra {name}", True, ", ".join(versions))
    return Check(f"extra {name}", False, f"pip install 'xfer[{name}]'")


def _system_libraries() -> Check:
    """Those that the extension module has brought into this process."""
    names = "sqlite3|pcre2-8|utf8proc|ssl|crypto|protobuf-lite|zstd|stemmer|fmt|z"
    wanted = rf"lib(?:{names})\.so[.\w]*"
    loaded = {
        found.group(0)
        for line in _lines("/proc/self/maps")
        if (found := re.search(rf"(?<=/){wanted}$", line))
    }
    return Check("system libraries", True, ", ".join(sorted(loaded)) or "linked statically")


def _bubblewrap() -> Check:
    try:
        done = subprocess.run(
            ["bwrap", "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return Check("bubblewrap", False, "not found; code answers of datasets cannot be graded")
    return Check("bubblewrap", True, done.stdout.strip())


def _sandbox() -> Check:
    name = "sandbox for code answers"
    try:
        _native.check_sandbox()
    except xfer.Error as error:
        return Check(name, False, str(error))
    return Check(name, True, "self test passed")


def _model(size: str) -> Check:
    name = f"embedded:{size}"
    try:
        return Check(f"model {name}", True, str(_native.locate_model(name)), needed=True)
    except xfer.Error as error:
        return Check(f"model {name}", False, str(error), needed=True)


def _self_test() -> Iterator[Check]:
    try:
        model = xfer.Model.load("embedded:small")
        trainer, check = _train(model)
        yield check
        yield _sample(trainer, model)
    except xfer.Error as error:
        yield Check("self-test", False, f"{error.code}: {error}", needed=True)


def _train(model: xfer.Model) -> tuple[xfer.Trainer, Check]:
    """Steps on one batch, whose loss must fall."""
    chat = xfer.Renderer(xfer.Renderer.recommended(model.tokenizer), model.tokenizer)
    domain = xfer.domain("math")
    data = []
    for index in range(16):
        example = domain.example("train", index)
        tokens, is_target = chat.supervised_example(
            [
                {"role": "user", "content": domain.prompts[0].apply(example.question)},
                {"role": "assistant", "content": example.solution},
            ]
        )
        weights = is_target[1:] / (16 * is_target[1:].sum())
        data.append(xfer.Datum(tokens[:-1], target_tokens=tokens[1:], weights=weights))
    trainer = xfer.Trainer(model, rank=8)
    losses: list[float] = []
    start = time.monotonic()
    while len(losses) < 2 or time.monotonic() - start < TRAINING_SECONDS:
        losses.append(trainer.forward_backward(data, all_logprobs=False).metrics["loss:sum"])
        trainer.optim_step(learning_rate=3e-3, grad_clip_norm=1.0)
    speed = sum(map(len, data)) * len(losses) / (time.monotonic() - start)
    fell = all(map(math.isfinite, losses)) and losses[-1] < losses[0]
    return trainer, Check(
        "self-test of training",
        fell,
        f"{len(losses)} steps, loss {losses[0]:.3f} to {losses[-1]:.3f}, {speed:,.0f} tokens/s",
        needed=True,
    )


def _sample(trainer: xfer.Trainer, model: xfer.Model) -> Check:
    """Answers of the trained weights; their log-probabilities must be those of scoring them."""
    sampler = trainer.snapshot()
    prompts = [[int(t) for t in model.tokenizer.encode(f"{i} + {i + 2} =")] for i in range(16)]
    count, worst, seed = 0, 0.0, 0
    start = time.monotonic()
    while seed == 0 or time.monotonic() - start < SAMPLING_SECONDS:
        rows = sampler.sample_batch(prompts, max_tokens=48, stop_tokens=[], seed=seed)
        count += sum(len(row[0].tokens) for row in rows)
        seed += 1
    speed = count / (time.monotonic() - start)
    for prompt, [answer] in zip(prompts, rows, strict=True):
        scored = sampler.score([*prompt, *map(int, answer.tokens)], len(prompt))
        worst = max(worst, float(abs(scored - answer.logprobs).max()))
    return Check(
        "self-test of sampling",
        worst < 1e-3,
        f"{count} tokens, {speed:,.0f} tokens/s, scored again within {worst:.1g} nats",
        needed=True,
    )
