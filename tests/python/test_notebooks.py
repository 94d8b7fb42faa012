# SPDX-License-Identifier: Apache-2.0
"""The notebooks run in a real kernel, and so does what people do there: interrupt, run again."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

pytestmark = [
    # Of the kernel's transport, which is not ours.
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: On two cores with nothing else to do a notebook takes half a minute at most; the limit leaves
#: room for a busy machine.
SECONDS_MAX = 240


def client(notebook: Any, folder: Path) -> Any:
    return nbclient.NotebookClient(
        notebook,
        timeout=SECONDS_MAX,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )


def pages(outputs: list[Any]) -> str:
    """Everything that cells show, as HTML where there is some."""
    shown = []
    for output in outputs:
        data = output.get("data", {})
        shown.append(data.get("text/html") or data.get("text/plain") or output.get("text") or "")
    return "\n".join(shown)


def of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


EXPECTED = {
    "1_first_study": ["xfer-spec", "xfer-plan", "xfer-matrix", "xfer-cell", "<svg", "finished"],
    "2_own_domain": ["xfer-verdict", "xfer-similarity", "xfer-cell", "stock", "taken out"],
    "3_own_trainer": ["a saved state goes on", "xfer-cell"],
    "4_laptop_to_tinker": ["xfer-cell", "answers, all equal", "cost on meta-llama/Llama-3.2-1B: $"],
}


def test_there_are_four() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(EXPECTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_not_in_the_repository(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert of(notebook) == []
    assert all(c.execution_count is None for c in notebook.cells if c.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, tmp_path: Path) -> None:
    if path.stem == "3_own_trainer":
        pytest.importorskip("peft")
    notebook = nbformat.read(path, as_version=4)
    started = time.monotonic()
    client(notebook, tmp_path).execute()
    print(f"{path.stem}: {time.monotonic() - started:.1f} s")
    seen = pages(of(notebook))
    for text in EXPECTED[path.stem]:
        assert text in seen, text
    assert "FAIL" not in seen


def test_the_trainer_is_under_a_hundred_lines() -> None:
    notebook = nbformat.read(FOLDER / "3_own_trainer.ipynb", as_version=4)
    cells = [c.source for c in notebook.cells if c.cell_type == "code"]
    classes = [c for c in cells if "check_backend" not in c and "run_study" not in c]
    lines = [line for cell in classes for line in cell.splitlines() if line.strip()]
    assert "class Trainer(xfer.CustomTrainer)" in "\n".join(lines)
    assert len(lines) < 100


def add(notebook: Any, source: str) -> tuple[Any, int]:
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    return notebook.cells[-1], len(notebook.cells) - 1


SLOW = """
import xfer
study = xfer.StudySpec(
    name="slow", conditions=["baseline", "transfer"], seeds=[0], steps={steps}, batch_size=2,
    items=4, validation_items=0, max_answer_tokens=4, rank=4,
)
result = xfer.run_study(study)
print("transfer gain", result.cells[0].accuracy.gain)
"""


async def interrupt_when(running: Any, cell: Any, index: int, sign: str) -> float:
    """Runs a cell, interrupts it once `sign` is on the page; seconds from there to its end."""
    work = asyncio.ensure_future(running.async_execute_cell(cell, index))
    while sign not in pages(cell.outputs):
        assert not work.done(), pages(cell.outputs)
        await asyncio.sleep(0.05)
    asked = time.monotonic()
    await running.km.interrupt_kernel()
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="KeyboardInterrupt"):
        await work
    return time.monotonic() - asked


def test_an_interrupt_stops_and_the_same_cell_goes_on(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    cell, index = add(notebook, SLOW.format(steps=400))

    async def person() -> None:
        running = client(notebook, tmp_path)
        async with running.async_setup_kernel():
            assert await interrupt_when(running, cell, index, "step ") < 20
            stopped = pages(cell.outputs)
            assert "run the same cell again" in stopped
            share = float(re.findall(r"value='([0-9.]+)'", stopped)[-1])
            assert 0 < share < 1
            await running.async_execute_cell(cell, index)

    asyncio.run(person())
    assert [o.output_type for o in cell.outputs].count("display_data") == 1
    page = pages(cell.outputs)
    assert "finished" in page and "value='1.000'" in page and "transfer gain" in page
    assert "run the same cell again" not in page


def test_a_running_event_loop_is_no_obstacle(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    waiting = SLOW.format(steps=20).replace("= xfer.run_study(", "= await xfer.run_study_async(")
    cell, _ = add(
        notebook,
        "import asyncio\n"
        "ticks = 0\n"
        "async def tick():\n"
        "    global ticks\n"
        "    while True:\n"
        "        ticks += 1\n"
        "        await asyncio.sleep(0.01)\n"
        "ticking = asyncio.ensure_future(tick())\n" + waiting + "ticking.cancel()\n"
        "print('ticks', ticks)\n"
        "again = xfer.run_study(study)\n"  # the blocking form, in the same loop
        "assert again.table() == result.table()\n",
    )
    client(notebook, tmp_path).execute()
    [ticks] = re.findall(r"ticks (\d+)", pages(cell.outputs))
    assert int(ticks) > 5
