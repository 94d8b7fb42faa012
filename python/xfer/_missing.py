# SPDX-License-Identifier: Apache-2.0
"""Why the extension module cannot be loaded, and what to do."""

from __future__ import annotations

import re
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

#: The Debian package of each shared library that the extension module may need.
_PACKAGES = {
    "libsqlite3": "libsqlite3-0",
    "libpcre2-8": "libpcre2-8-0",
    "libutf8proc": "libutf8proc2",
    "libssl": "libssl3",
    "libcrypto": "libssl3",
    "libprotobuf-lite": "libprotobuf-lite32",
    "libzstd": "libzstd1",
    "libstemmer": "libstemmer0d",
    "libfmt": "libfmt9",
    "libz": "zlib1g",
    "libstdc++": "libstdc++6",
}


def explanation(error: ImportError, folder: Path) -> str:
    """What an ImportError of the extension module in `folder` comes from, in one paragraph."""
    text = str(error)
    library = re.search(r"(lib[\w+-]+)\.so[.\w]*: cannot open shared object", text)
    if library:
        package = _PACKAGES.get(library.group(1))
        install = f"; on Debian: apt-get install {package}" if package else ""
        return f"xfer needs the system library {library.group(0).split(':')[0]}{install} ({text})"
    if "version `" in text and "not found" in text:
        return (
            f"xfer was built against newer system libraries than this machine has ({text}); "
            "build it here: pip install --no-binary xfer, from its source folder"
        )
    built = sorted(path.name for path in folder.glob("_native*.so"))
    if any(f"_native{suffix}" in built for suffix in EXTENSION_SUFFIXES):
        return f"xfer's extension module cannot be loaded ({text}); install xfer again"
    if built:
        return (
            f"xfer's extension module was built for another Python ({', '.join(built)}); "
            f"install xfer with the Python that runs it ({text})"
        )
    return (
        f"xfer's extension module is not in {folder}: this is the source folder, not an installed "
        "package. Run `pip install .` in the project's folder, and start Python elsewhere"
    )
