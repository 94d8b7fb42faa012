# SPDX-License-Identifier: Apache-2.0
"""Futures that are waited for or awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from xfer.tinker._exceptions import translate

if TYPE_CHECKING:
    from xfer import _native

T = TypeVar("T")

OnDone = Callable[[Any, "BaseException | None"], None]


class APIFuture(concurrent.futures.Future[T]):
    """A call under way: `.result(timeout)`, `await`, or anything that takes standard futures.

    Cancelling it, or a task that awaits it, cancels the call.
    """

    def result(self, timeout: float | None = None) -> T:
        """Waits. Raises TimeoutError after `timeout` seconds; the call goes on then."""
        try:
            return super().result(timeout)
        except concurrent.futures.TimeoutError:
            if self.done():
                raise
            raise TimeoutError(f"no result within {timeout} seconds") from None

    async def result_async(self, timeout: float | None = None) -> T:
        """The same in a running event loop; a timeout cancels the call."""
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self), timeout)
        except asyncio.TimeoutError:
            if self.done() and not self.cancelled():
                raise
            raise TimeoutError(f"no result within {timeout} seconds") from None

    def future(self) -> concurrent.futures.Future[T]:
        """Itself, as a standard future."""
        return self

    async def coroutine(self) -> T:
        return await self

    def __await__(self) -> Generator[Any, None, T]:
        return self.result_async().__await__()


def settle(future: APIFuture[Any], make: Callable[[], Any]) -> None:
    """Ends a future with what `make` returns or raises; does nothing when it was cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = make()
    except BaseException as error:
        future.set_exception(translate(error))
    else:
        future.set_result(value)


def follow(
    future: APIFuture[Any],
    begin: Callable[[OnDone], _native.TinkerCall],
    convert: Callable[[Any], Any] = lambda result: result,
) -> None:
    """Begins a native call that ends `future`, unless it is cancelled already."""
    if future.cancelled():
        settle(future, lambda: None)
        return

    def on_done(result: Any, error: BaseException | None) -> None:
        def make() -> Any:
            if error is not None:
                raise error
            return convert(result)

        settle(future, make)

    call = begin(on_done)
    future.add_done_callback(lambda ended: call.cancel() if ended.cancelled() else None)


def start(
    begin: Callable[[OnDone], _native.TinkerCall],
    convert: Callable[[Any], Any] = lambda result: result,
    future: APIFuture[Any] | None = None,
) -> Any:
    """A future of a native call that begins now."""
    future = APIFuture() if future is None else future
    follow(future, begin, convert)
    return future
