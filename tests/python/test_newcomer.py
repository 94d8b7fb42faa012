# SPDX-License-Identifier: Apache-2.0
"""What somebody with the README alone gets: commands that exist, and ten lines that are a study."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_docs import ROOT, blocks, shell_lines

NOTEBOOK_LINES_MAX = 10


def test_the_readme_prints_the_commands_of_each_promise() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for where, line in shell_lines() if where.startswith("README.md")]
    assert "./demo" in commands
    assert "./check" in readme
    assert any(line.startswith("xfer run") for line in commands)
    assert any("pip install ." in line for line in commands)


def test_scripts_that_the_readme_names_can_be_run() -> None:
    for name in ("demo", "check"):
        assert (ROOT / name).stat().st_mode & 0o111, name


def live_study() -> str:
    """The ten lines of docs/howto/notebooks.md."""
    [block] = [b for b in blocks("python") if b.document == "docs/howto/notebooks.md"]
    return block.text


def test_ten_lines_are_a_notebook_with_a_live_study(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    source = live_study()
    assert len([line for line in source.splitlines() if line.strip()]) <= NOTEBOOK_LINES_MAX
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    drawn: list[str] = []

    class Watching(nbclient.NotebookClient):  # type: ignore[misc]
        """Keeps every drawing of the progress, as a person would see them."""

        def process_message(self, msg, cell, cell_index):  # type: ignore[no-untyped-def]
            if msg["msg_type"] in ("display_data", "update_display_data"):
                drawn.append(msg["content"]["data"].get("text/html", ""))
            return super().process_message(msg, cell, cell_index)

    Watching(
        notebook,
        timeout=240,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    shares = [float(x) for page in drawn for x in re.findall(r"<progress.*?value='([\d.]+)'", page)]
    assert shares == sorted(shares), "progress goes back"
    assert len({round(share, 2) for share in shares}) > 3, "progress does not move"
    assert shares[-1] == 1.0
    assert any("training" in page for page in drawn)
    assert any("testing" in page for page in drawn)
    [result] = [
        output.data["text/html"]
        for output in notebook.cells[0].outputs
        if output.output_type == "execute_result"
    ]
    assert "xfer-matrix" in result and "format_control" in result and "<svg" in result
    assert (tmp_path / "runs" / "live" / "report.html").exists()
