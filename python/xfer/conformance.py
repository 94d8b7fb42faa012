# SPDX-License-Identifier: Apache-2.0
"""The outcome of checks; the door is `xfer.testing`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool
    detail: str = ""


class Conformance:
    """The outcome of all checks; prints as a table."""

    def __init__(self, checks: list[Check]) -> None:
        self.checks = checks

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def raise_if_failed(self) -> None:
        """Raises `AssertionError` with what failed; for test suites."""
        if not self.passed:
            raise AssertionError("\n" + str(self))

    def __str__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [
            f"{'pass' if check.passed else 'FAIL'}  {check.name:{width}}  {check.detail}".rstrip()
            for check in self.checks
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from xfer import _html

        rows = [("pass" if c.passed else "FAIL", c.name, c.detail) for c in self.checks]
        shades = ["" if c.passed else _html.BAD for c in self.checks]
        return _html.table(["", "check", ""], rows, shades)
