# SPDX-License-Identifier: Apache-2.0
"""Pairs of mathematical answers: gold answers of MATH and GSM8K, and what became of them.

The answers are read from the shared data folder; nothing of them is kept here. Each perturbation
is a change of form (the value stays) or of value; which of the two it really is, is for the
graders to say.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path


def shared_data() -> Path:
    root = os.environ.get("XFER_SHARED")
    return (Path(root) if root else Path(__file__).parents[3] / "shared") / "data"


def rows(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def last_boxed(solution: str) -> str | None:
    start = solution.rfind("\\boxed{")
    depth = 0
    for i in range(start + 6, len(solution)) if start >= 0 else ():
        depth += {"{": 1, "}": -1}.get(solution[i], 0)
        if depth == 0:
            return solution[start + 7 : i]
    return None


def math_answers(data: Path) -> list[str]:
    """Every gold answer of MATH that is here, in order, repetitions included."""
    found = [str(row["answer"]) for row in rows(data / "math/prm800k_math_splits_test.jsonl")]
    found += [
        last_boxed(str(r["solution"])) or "" for r in rows(data / "math/hendrycks_rows.jsonl")
    ]
    for row in rows(data / "math/agieval_math.jsonl"):
        other = row["other"]
        assert isinstance(other, dict)
        found.append(last_boxed(str(other["solution"])) or "")
    return [answer for answer in found if answer]


def gsm8k_answers(data: Path) -> list[str]:
    return [str(row["answer"]).split("####")[-1].strip() for row in rows(data / "gsm8k/test.jsonl")]


# --- perturbations: each gives another text, or None where it does not apply


def spaced(a: str, rng: random.Random) -> str | None:
    return re.sub(r"([-+=,])", r" \1 ", a)


def tight(a: str, rng: random.Random) -> str | None:
    return re.sub(r"\s+", "", a) if " " in a and "\\" not in a else None


def display_fractions(a: str, rng: random.Random) -> str | None:
    return a.replace("\\frac", "\\dfrac") if "\\frac{" in a else None


def slashed(a: str, rng: random.Random) -> str | None:
    changed = re.sub(r"\\d?frac\{(\d+)\}\{(\d+)\}", r"\1/\2", a)
    return changed if changed != a and re.fullmatch(r"-?\d+/\d+", changed) else None


def as_decimal(a: str, rng: random.Random) -> str | None:
    found = re.fullmatch(r"(-?)\\d?frac\{(\d+)\}\{(\d+)\}", a)
    if not found or int(found[3]) == 0:
        return None
    value = Fraction(int(found[2]), int(found[3]))
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return f"{found[1]}{float(value)}" if rest == 1 else None


def expanded_fraction(a: str, rng: random.Random) -> str | None:
    k = rng.randint(2, 9)
    changed = re.sub(
        r"\\frac\{(\d+)\}\{(\d+)\}",
        lambda m: f"\\frac{{{int(m[1]) * k}}}{{{int(m[2]) * k}}}",
        a,
    )
    return changed if changed != a else None


def sized_brackets(a: str, rng: random.Random) -> str | None:
    if "\\left" in a or "(" not in a or "text" in a:
        return None
    return re.sub(r"[)\]]", r"\\right\g<0>", re.sub(r"[(\[]", r"\\left\g<0>", a))


def named(a: str, rng: random.Random) -> str | None:
    return f"x = {a}" if re.fullmatch(r"[-\d\\{}a-z/.]+", a) and "x" not in a else None


def with_unit(a: str, rng: random.Random) -> str | None:
    unit = rng.choice(["cm", "meters", "dollars", "hours", "square units"])
    return f"{a} \\text{{ {unit}}}" if re.fullmatch(r"-?[\d.]+", a) else None


def separated(a: str, rng: random.Random) -> str | None:
    return f"{int(a):,}" if re.fullmatch(r"\d{4,12}", a) else None


def with_zero(a: str, rng: random.Random) -> str | None:
    return a + ".0" if re.fullmatch(r"-?\d+", a) else None


def turned_list(a: str, rng: random.Random) -> str | None:
    if not re.fullmatch(r"[^()\[\]{}]+(,[^()\[\]{}]+)+", a) or re.search(r",\d{3}\b|\\!", a):
        return None
    return ", ".join(part.strip() for part in reversed(a.split(",")))


def turned_sum(a: str, rng: random.Random) -> str | None:
    found = re.fullmatch(r"([^-+(),=]+)\+([^-+(),=]+)", a)
    return f"{found[2]} + {found[1]}" if found and "text" not in a else None


def doubled_and_halved(a: str, rng: random.Random) -> str | None:
    simple = re.fullmatch(r"-?(\d+|\d*\\sqrt\{\d+\}|\d*\s*\\pi|\\frac\{\d+\}\{\d+\})", a)
    return f"\\frac{{2 \\cdot {a}}}{{2}}" if simple and not a.startswith("-") else None


def square_root_of_square(a: str, rng: random.Random) -> str | None:
    found = re.fullmatch(r"(\d+)\s*\\sqrt\{(\d+)\}", a)
    return f"\\sqrt{{{int(found[1]) ** 2 * int(found[2])}}}" if found else None


def without_text(a: str, rng: random.Random) -> str | None:
    return re.sub(r"\\text\{([^}]*)\}", r"\1", a) if re.fullmatch(r"\\text\{\w+\}", a) else None


def without_degrees(a: str, rng: random.Random) -> str | None:
    return a.replace("^\\circ", "") if "^\\circ" in a else None


def one_more(a: str, rng: random.Random) -> str | None:
    numbers = list(re.finditer(r"\d+", a))
    if not numbers:
        return None
    m = rng.choice(numbers)
    return a[: m.start()] + str(int(m[0]) + 1) + a[m.end() :]


def other_digit(a: str, rng: random.Random) -> str | None:
    digits = [i for i, c in enumerate(a) if c.isdigit()]
    if not digits:
        return None
    i = rng.choice(digits)
    return a[:i] + rng.choice([d for d in "123456789" if d != a[i]]) + a[i + 1 :]


def negated(a: str, rng: random.Random) -> str | None:
    if "text" in a or any(c in a for c in ",=([") or a.startswith("-") or "mbox" in a:
        return None
    return f"-({a})" if re.search(r"[-+]", a) else f"-{a}"


def swapped(a: str, rng: random.Random) -> str | None:
    found = re.fullmatch(r"\(([^(),]+),([^(),]+)\)", a)
    return f"({found[2]},{found[1]})" if found else None


def other_bracket(a: str, rng: random.Random) -> str | None:
    return "[" + a[1:] if a.startswith("(") and a.endswith((")", "]")) else None


def dropped(a: str, rng: random.Random) -> str | None:
    if not re.fullmatch(r"[^()\[\]{}]+(,[^()\[\]{}]+)+", a) or re.search(r",\d{3}\b|\\!", a):
        return None
    return ",".join(a.split(",")[:-1])


def other_variable(a: str, rng: random.Random) -> str | None:
    changed = re.sub(r"(?<![\\a-zA-Z])x(?![a-z])", "z", a)
    return changed if changed != a else None


def without_root(a: str, rng: random.Random) -> str | None:
    changed = re.sub(r"\\sqrt\{(\d+)\}", r"\1", a)
    return changed if changed != a and re.fullmatch(r"[-\d\s+]+", changed) is None else None


def upside_down(a: str, rng: random.Random) -> str | None:
    changed = re.sub(r"\\frac\{(\d+)\}\{(\d+)\}", r"\\frac{\2}{\1}", a)
    return changed if changed != a else None


Perturbation = Callable[[str, random.Random], "str | None"]

FORM: list[Perturbation] = [
    spaced, tight, display_fractions, slashed, as_decimal, expanded_fraction, sized_brackets,
    named, with_unit, separated, with_zero, turned_list, turned_sum, doubled_and_halved,
    square_root_of_square, without_text, without_degrees,
]  # fmt: skip
VALUE: list[Perturbation] = [
    one_more, other_digit, negated, swapped, other_bracket, dropped, other_variable, without_root,
    upside_down,
]  # fmt: skip


def perturbed_pairs(answers: list[str], seed: int = 0) -> list[tuple[str, str, str]]:
    """(gold, changed, perturbation) for every distinct answer and every change that applies, and
    with another answer; no pair twice."""
    rng = random.Random(seed)
    distinct = list(dict.fromkeys(answers))
    pairs: dict[tuple[str, str], str] = {}
    for gold in distinct:
        for change in FORM + VALUE:
            changed = change(gold, rng)
            if changed is not None and changed != gold:
                pairs.setdefault((gold, changed), change.__name__)
        pairs.setdefault((gold, rng.choice(distinct)), "another_answer")
    return [(gold, changed, name) for (gold, changed), name in pairs.items()]
