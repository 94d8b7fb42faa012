# SPDX-License-Identifier: Apache-2.0
"""What the C++ side must know of the Python installation it lives in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from xfer import _copying, _html, _native


def tell_native() -> None:
    """Where the embedded models are, and where `pypi:` models are looked for."""
    _native.set_models_folder(Path(__file__).parent / "models")
    folders = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    os.environ.setdefault("XFER_PYPI_PATH", ":".join(folders))
    _html.attach()
    _copying.attach()
