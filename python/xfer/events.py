# SPDX-License-Identifier: Apache-2.0
"""What a study does, event by event, for programs."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xfer import _native
from xfer._native import Domain, Event, StudySpec
from xfer.custom import CustomBackend
from xfer.result import Result
from xfer.study import as_spec, default_run_folder, own_domains

if TYPE_CHECKING:
    import asyncio

PathLike = str | os.PathLike[str]
_END = object()
#: The longest wait for the safe point of a study that was stopped.
_STOP_SECONDS = 30.0


class StudyEvents:
    """Runs a study while it is iterated over, with `for` or `async for`; then `result` is there.

    Leaving the loop early stops the study at its next safe point; the same study goes on later from
    there. A failure of the study is raised by the loop.
    """

    def __init__(
        self,
        study: StudySpec | PathLike,
        run_folder: PathLike | None = None,
        *,
        backend: CustomBackend | None = None,
        domains: Mapping[str, Domain] | None = None,
    ) -> None:
        self._spec = as_spec(study)
        self._folder = default_run_folder(self._spec) if run_folder is None else Path(run_folder)
        self._backend = backend
        self._domains = own_domains(self._spec, domains)
        self._result: Result | None = None

    @property
    def result(self) -> Result:
        """Raises RuntimeError before the end of the loop."""
        if self._result is None:
            raise RuntimeError("the study has not ended")
        return self._result

    async def __aiter__(self) -> AsyncIterator[Event]:
        import asyncio

        arrived: asyncio.Queue[Any] = asyncio.Queue()
        running = asyncio.ensure_future(
            _native.run_study_async(
                self._spec, self._folder, arrived.put_nowait, self._backend, self._domains
            )
        )
        running.add_done_callback(lambda _: arrived.put_nowait(_END))
        try:
            while (event := await arrived.get()) is not _END:
                yield event
            self._result = Result(await running)
        finally:
            if not running.done():
                # The study goes on to a safe point and says so; until then it holds its folder.
                running.cancel()
                await asyncio.wait(
                    [asyncio.ensure_future(_last_of(arrived))], timeout=_STOP_SECONDS
                )

    def __iter__(self) -> Iterator[Event]:
        arrived: queue.Queue[Any] = queue.Queue()
        left = threading.Event()
        failures: list[BaseException] = []

        import asyncio

        async def listen() -> None:
            async for event in self:
                arrived.put(event)
                if left.is_set():
                    break

        def work() -> None:
            try:
                asyncio.run(listen())
            except BaseException as failure:  # raised again in the thread that iterates
                failures.append(failure)
            arrived.put(_END)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while (event := arrived.get()) is not _END:
                yield event
        finally:
            left.set()
            thread.join()
        if failures:
            raise failures[0]


async def _last_of(arrived: asyncio.Queue[Any]) -> None:
    while getattr(await arrived.get(), "kind", "") not in ("cancelled", "finished"):
        pass
