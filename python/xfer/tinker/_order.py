# SPDX-License-Identifier: Apache-2.0
"""Calls on one model in training, in the order in which they were made."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from xfer.tinker._futures import APIFuture, settle


class Order:
    """The native client keeps the order in which calls begin. A loss of the caller's own is two
    calls with Python between them: those made meanwhile wait here until both have begun.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiting: deque[tuple[APIFuture[Any], Callable[[], None]]] = deque()
        self._held = False
        self._failure: BaseException | None = None

    def begin(
        self, future: APIFuture[Any], start: Callable[[], None], *, hold: bool = False
    ) -> None:
        """Starts now, or when it is its turn. `hold`: what comes later waits for `release`."""

        def held_start() -> None:
            self._held = hold
            try:
                start()
            except BaseException:
                self._held = False
                raise

        with self._lock:
            if self._failure is not None:
                self._refuse(future)
            elif self._held:
                self._waiting.append((future, held_start))
            else:
                held_start()

    def release(self, failure: BaseException | None = None) -> None:
        """Lets the waiting ones start, or, after a failure, refuses them and all later ones."""
        with self._lock:
            self._held = False
            self._failure = failure
            while self._waiting and not self._held:
                future, start = self._waiting.popleft()
                if self._failure is not None:
                    self._refuse(future)
                    continue
                try:
                    start()
                except BaseException as error:
                    _fail(future, error)

    def _refuse(self, future: APIFuture[Any]) -> None:
        error = RuntimeError(
            "an earlier loss of your own failed, so the gradients of this model are not what the "
            "later calls expect; make a new training client from the last checkpoint"
        )
        error.__cause__ = self._failure
        _fail(future, error)


def _fail(future: APIFuture[Any], error: BaseException) -> None:
    def make() -> Any:
        raise error

    settle(future, make)
