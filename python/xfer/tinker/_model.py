# SPDX-License-Identifier: Apache-2.0
"""What scripts use of the SDK's pydantic models, on dataclasses."""

from __future__ import annotations

import base64
import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class Model:
    """Base of dataclasses that are built from keywords, compared, printed and dumped."""

    def model_dump(self, *, mode: str = "python", exclude_none: bool = False) -> dict[str, Any]:
        """The fields as plain values; `mode` "json" leaves only what JSON has."""
        out = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None or not exclude_none:
                out[field.name] = _dump(value, mode, exclude_none)
        return out

    def model_dump_json(self, *, exclude_none: bool = False, indent: int | None = None) -> str:
        return json.dumps(self.model_dump(mode="json", exclude_none=exclude_none), indent=indent)

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        return dataclasses.replace(self, **(update or {}))  # type: ignore[type-var]

    @classmethod
    def model_validate(cls, value: Any) -> Self:
        """From a mapping; fields it does not know are ignored. Raises ValueError."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ValueError(f"{cls.__name__}: expected an object, got {type(value).__name__}")
        hints = _hints(cls)
        names = [f.name for f in dataclasses.fields(cls) if f.init]  # type: ignore[arg-type]
        known = {n: convert(hints[n], value[n], f"{cls.__name__}.{n}") for n in names if n in value}
        try:
            return cls(**known)
        except TypeError as error:
            raise ValueError(f"{cls.__name__}: {error}") from None

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        return cls.model_validate(json.loads(text))


_known_hints: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    if cls not in _known_hints:
        _known_hints[cls] = typing.get_type_hints(cls)
    return _known_hints[cls]


def _dump(value: Any, mode: str, exclude_none: bool) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode=mode, exclude_none=exclude_none)
    if isinstance(value, Mapping):
        return {key: _dump(item, mode, exclude_none) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_dump(item, mode, exclude_none) for item in value]
    if mode == "json":
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if hasattr(value, "tolist"):
            return value.tolist()
    return value


def convert(hint: Any, value: Any, name: str) -> Any:
    """A value of JSON as a field's type wants it. Raises ValueError naming the field."""
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return None if value is None else _convert_any(arguments, value, name)
    if origin is list or origin is Sequence:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{name}: expected a list, got {type(value).__name__}")
        return [convert(arguments[0], item, name) for item in value]
    if hint is datetime:
        return _time(value, name)
    if isinstance(hint, type) and issubclass(hint, Model):
        return hint.model_validate(value)
    if hint is str and not isinstance(value, str):
        raise ValueError(f"{name}: expected a text, got {type(value).__name__}")
    return value


def _convert_any(hints: Sequence[Any], value: Any, name: str) -> Any:
    """The alternative that a tagged object names, else the first that fits."""
    real = [hint for hint in hints if hint is not type(None)]
    tagged = {hint.type: hint for hint in real if hasattr(hint, "type")}
    if isinstance(value, Mapping) and "type" in value and len(tagged) > 1:
        if value["type"] not in tagged:
            raise ValueError(f"{name}: unknown type {value['type']!r:.80}")
        return convert(tagged[value["type"]], value, name)
    problem = ValueError(f"{name}: no fitting type")
    for hint in real:
        try:
            return convert(hint, value, name)
        except ValueError as error:
            problem = error
    raise problem


def _time(value: Any, name: str) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"{name}: not a time: {value!r:.80}") from None
