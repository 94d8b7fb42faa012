# SPDX-License-Identifier: Apache-2.0
"""The type stub of the extension module says what is in it, no more and no less."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest
from xfer import _native


def stub() -> ast.Module:
    spec = importlib.util.find_spec("xfer")
    assert spec is not None and spec.origin is not None
    return ast.parse((Path(spec.origin).parent / "_native.pyi").read_text(encoding="utf-8"))


def public(names: set[str]) -> set[str]:
    # pybind11 brings dunder methods of its own; those that the stub declares are checked below.
    return {n for n in names if not n.startswith("_")}


def declared(body: list[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_the_module_has_the_names_of_the_stub() -> None:
    assert public(set(vars(_native))) == public(declared(stub().body))


@pytest.mark.parametrize(
    "node", [n for n in stub().body if isinstance(n, ast.ClassDef)], ids=lambda n: n.name
)
def test_a_class_has_the_members_of_the_stub(node: ast.ClassDef) -> None:
    real = getattr(_native, node.name)
    assert public(set(vars(real))) == public(declared(node.body))
    for name in declared(node.body):
        assert hasattr(real, name), name


def functions(body: list[ast.stmt], owner: type | ModuleType) -> list[tuple[str, ast.FunctionDef]]:
    found = []
    for node in body:
        if isinstance(node, ast.ClassDef):
            found += functions(node.body, getattr(_native, node.name))
        elif isinstance(node, ast.FunctionDef) and not node.decorator_list:
            doc = inspect.getdoc(getattr(owner, node.name)) or ""
            found.append((doc.splitlines()[0] if doc else "", node))
    return found


def test_defaults_are_those_of_the_module() -> None:
    checked = 0
    for signature, node in functions(stub().body, _native):
        arguments = [*node.args.args, *node.args.kwonlyargs]
        defaults = [None] * (len(node.args.args) - len(node.args.defaults))
        for argument, default in zip(
            arguments, [*defaults, *node.args.defaults, *node.args.kw_defaults], strict=True
        ):
            if not isinstance(default, ast.Constant) or default.value is ...:
                continue
            shown = re.search(rf"\b{argument.arg}: .*?= ([^,)]+)", signature)
            assert shown, (node.name, argument.arg, signature)
            text = shown.group(1)
            if isinstance(default.value, int | float | bool):
                assert ast.literal_eval(text) == default.value, (node.name, argument.arg)
                checked += 1
    assert checked > 40
