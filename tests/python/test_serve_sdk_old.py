# SPDX-License-Identifier: Apache-2.0
"""The tour of the official SDK once more, with the oldest SDK that is supported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Where `./check` puts it: `pip install --no-deps --target <environment>/sdk-0.25 tinker==0.25.0`.
OLD = Path(sys.prefix) / "sdk-0.25"

pytestmark = [
    pytest.mark.skipif(
        not OLD.is_dir(), reason=f"tinker 0.25.0 is not in {OLD} (pip install --no-deps --target)"
    ),
    pytest.mark.timeout(600),
]


def test_the_tour() -> None:
    pytest.importorskip("tinker", reason="the old SDK uses what the new one requires")
    tour = Path(__file__).with_name("test_serve_sdk.py")
    paths = [str(OLD), *(path for path in sys.path if path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    shown = subprocess.run(
        [sys.executable, "-c", "import tinker; print(tinker.__version__)"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.startswith("0.25.")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tour)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert " passed" in done.stdout
