# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import resource
import subprocess
import sys


def processor_seconds(statement: str) -> float:
    """The least of a few runs. Processor time, because other work on the machine does not count:
    an import waits for little else."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def test_import_is_quick() -> None:
    assert processor_seconds("import xfer") - processor_seconds("pass") < 0.150


def test_import_brings_nothing_heavy() -> None:
    heavy = "{'torch', 'pandas', 'matplotlib', 'typer', 'rich', 'IPython', 'asyncio'}"
    code = f"import sys, xfer; found = {heavy} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)
