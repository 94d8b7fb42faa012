# SPDX-License-Identifier: Apache-2.0
"""The tokenizer of a served model."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xfer import _native
from xfer.errors import Error

# Gated or renamed repositories, and the one that carries the same tokenizer.
_LLAMA_3 = ("meta-llama/Llama-3", "thinkingmachineslabinc/meta-llama-3-instruct-tokenizer")


class FolderTokenizer:
    """xfer's own tokenizer with the names that scripts use, where transformers is not installed."""

    def __init__(self, folder: str) -> None:
        self._tokenizer = _native.Tokenizer.load(folder)
        self.name_or_path = folder

    @property
    def vocab_size(self) -> int:
        return self._tokenizer.vocab_size

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        del add_special_tokens  # it adds none
        return list(map(int, self._tokenizer.encode(text)))

    def decode(self, tokens: int | Sequence[int], skip_special_tokens: bool = False) -> str:
        ids = [tokens] if isinstance(tokens, int) else [int(t) for t in tokens]
        return self._tokenizer.decode_text(ids, skip_special_tokens)


@functools.lru_cache(maxsize=32)
def load_tokenizer(model_name: str, tokenizer_id: str | None = None) -> Any:
    """As transformers has it; without transformers, xfer's own for models on this machine.

    Raises ImportError when only transformers could load it.
    """
    place = tokenizer_id or _folder(model_name) or _repository(model_name)
    if importlib.util.find_spec("transformers") is not None:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(place)
    if Path(place).is_dir():
        return FolderTokenizer(place)
    raise ImportError(f"the tokenizer {place!r} needs transformers: pip install transformers")


def _folder(model_name: str) -> str | None:
    """The folder of a model that xfer knows by this name."""
    try:
        folder = Path(_native.locate_model(model_name))
    except Error:
        return None
    return str(folder) if (folder / "tokenizer.json").is_file() else None


def _repository(model_name: str) -> str:
    name = model_name.split(":", maxsplit=1)[0]
    if name.startswith(_LLAMA_3[0]):
        return _LLAMA_3[1]
    # "<owner>/<model>/<variant>" has the tokenizer of "<owner>/<model>".
    return "/".join(name.split("/")[:2]) if not name.startswith("/") else name
