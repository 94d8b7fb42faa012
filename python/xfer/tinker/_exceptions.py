# SPDX-License-Identifier: Apache-2.0
"""The SDK's exception names, over xfer's own errors."""

from __future__ import annotations

from typing import Any

from xfer.errors import Cancelled, Error, ServiceError
from xfer.tinker._answers import RequestErrorCategory


class TinkerError(Error):
    """Every failure at or on the way to a Tinker service."""


class APIError(TinkerError):
    """A request that brought no good answer."""

    body: object | None = None

    def __init__(self, message: str, code: str = "internal", status_code: int = 0) -> None:
        super().__init__(message, code)
        self.message = message
        self.status_code = status_code

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.code, self.status_code)


class APIResponseValidationError(APIError):
    """The answer is not what the protocol says."""


class APIConnectionError(APIError):
    """No answer arrived."""


class APITimeoutError(APIConnectionError):
    """None arrived in time."""


class APIStatusError(APIError):
    """The service answered with 4xx or 5xx: `status_code`."""


class BadRequestError(APIStatusError):
    """400"""


class AuthenticationError(APIStatusError):
    """401: the key is missing or refused."""


class BillingError(APIStatusError):
    """402: the account's billing needs attention."""


class PermissionDeniedError(APIStatusError):
    """403"""


class NotFoundError(APIStatusError):
    """404"""


class ConflictError(APIStatusError):
    """409"""


class UnprocessableEntityError(APIStatusError):
    """422"""


class RateLimitError(APIStatusError):
    """429: too much at once."""


class InternalServerError(APIStatusError):
    """500 and above."""


class RequestFailedError(TinkerError):
    """A request was accepted and failed; `category` says whose fault that was."""

    def __init__(
        self,
        message: str,
        request_id: str,
        category: RequestErrorCategory,
        code: str = "unavailable",
    ) -> None:
        super().__init__(message, code)
        self.message = message
        self.request_id = request_id
        self.category = category

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.request_id, self.category, self.code)


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: BillingError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def translate(error: BaseException) -> BaseException:
    """An error of the native client as scripts for the SDK expect it; others as they are."""
    if isinstance(error, TinkerError) or not isinstance(error, Error):
        return error
    out = _translate(error)
    out.__cause__ = error
    return out


def _translate(error: Error) -> BaseException:
    message = str(error)
    if isinstance(error, ServiceError):
        status = error.http_status
        if status == 200 and error.request_id:
            user = error.code == "invalid_argument"
            category = RequestErrorCategory.User if user else RequestErrorCategory.Server
            return RequestFailedError(message, error.request_id, category, error.code)
        if status >= 400:
            fallback = InternalServerError if status >= 500 else APIStatusError
            return _BY_STATUS.get(status, fallback)(message, error.code, status)
        if error.code == "bad_data":
            return APIResponseValidationError(message, error.code, status)
        if error.code == "timeout":
            return APITimeoutError(message, error.code)
        return APIConnectionError(message, error.code)
    if isinstance(error, Cancelled) or error.code != "invalid_argument":
        return TinkerError(message, error.code)
    return ValueError(message)
