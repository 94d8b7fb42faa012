# SPDX-License-Identifier: Apache-2.0
"""The documentation's build: `python -m sphinx -W --keep-going docs build/docs`.

The Markdown files stay readable by themselves; Sphinx adds what is generated: the Python reference
from the installed package, the command line from the commands, the C++ reference from the headers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import build_reference  # noqa: E402

project = "xfer"
author = "The xfer authors"
copyright = "The xfer authors, Apache-2.0"
version = re.search(r"project\(xfer VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
release = version

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["cpp-main.md"]
html_theme = "furo"
html_title = f"xfer {version}"
html_copy_source = False
default_role = "code"  # docstrings write `name` for code

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the extension's signatures carry theirs
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": False}

GENERATED = HERE / "_generated"
build_reference.write_python_pages(GENERATED)
build_reference.write_command_page(GENERATED)
has_doxygen = shutil.which("doxygen") is not None
if has_doxygen:  # warnings are errors there too, see Doxyfile
    (ROOT / "build").mkdir(exist_ok=True)
    subprocess.run(["doxygen", str(HERE / "Doxyfile")], cwd=ROOT, check=True)
    html_extra_path = ["../build/doxygen"]  # whose folder cpp is the reference
build_reference.write_cpp_page(GENERATED, ROOT / "include", has_doxygen)


def plain_text(_app, _what, _name, _object, _options, lines: list[str]) -> None:
    """Docstrings are plain text with `code`: what else reStructuredText would take as a mark is
    escaped, and code may be followed by a letter, as in `Domain`s."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("..", ":", ">>>")):
            continue
        parts = re.split(r"(`[^`]*`)", line)
        for place in range(0, len(parts), 2):
            parts[place] = re.sub(r"([|*])", r"\\\1", parts[place])
            if place and parts[place][:1].isalnum():
                parts[place] = rf"\ {parts[place]}"
        lines[number] = "".join(parts)


def stand_alone(app, _doctree) -> None:
    """The pages of the example report are linked to, and in no table of contents."""
    if app.env.docname.startswith("example-report/"):
        app.env.metadata[app.env.docname]["orphan"] = ""


def setup(app) -> None:
    app.connect("doctree-read", stand_alone)
    app.connect("autodoc-process-docstring", plain_text)
