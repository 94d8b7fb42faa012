# SPDX-License-Identifier: Apache-2.0
"""The exceptions of xfer: decide on `code`, never on the text."""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """Every failure that leaves the library.

    `code` is a stable lower-case name: "invalid_argument", "bad_data", "unavailable",
    "rate_limited", "unauthorized", "timeout", "cancelled", "run_mismatch", "io",
    "not_available", "diverged", "out_of_memory" or "internal".
    """

    def __init__(self, message: str, code: str = "internal") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.code)


class ServiceError(Error):
    """A failure reported by a remote service; `http_status` is 0 when no answer arrived."""

    def __init__(
        self, message: str, code: str = "internal", http_status: int = 0, request_id: str = ""
    ) -> None:
        super().__init__(message, code)
        self.http_status = http_status
        self.request_id = request_id

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.code, self.http_status, self.request_id)


class Cancelled(Error):
    """The caller asked to stop."""

    def __init__(self, message: str, code: str = "cancelled") -> None:
        super().__init__(message, code)
