# SPDX-License-Identifier: Apache-2.0
"""tinker-cookbook's supervised and RL trainers, unmodified, against `xfer serve`: to the end, and
killed and started again; on the official SDK and on `xfer.tinker`."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import arithmetic_model
import pytest
import xfer
from xfer import _native, cli_serve

NEEDED = (
    "tinker",
    "tinker_cookbook",
    "chz",
    "blobfile",
    "datasets",
    "pylatexenc",
    "torch",
    "transformers",
)
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"not installed: {', '.join(MISSING)} (xfer[test-tinker], and tinker-cookbook "
        "without its requirements: pip install --no-deps tinker-cookbook==0.6.1)",
    ),
    pytest.mark.timeout(600),
]

RUN = Path(__file__).with_name("cookbook_run.py")
CLIENTS = ["sdk", "xfer"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[xfer.Server]:
    with cli_serve.start("embedded:small", tmp_path_factory.mktemp("serve")) as server:
        yield server


@pytest.fixture(scope="module")
def adding_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return arithmetic_model.make(tmp_path_factory.mktemp("model"), steps=20)


@pytest.fixture(scope="module")
def adding_server(
    adding_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[xfer.Server]:
    with cli_serve.start(str(adding_model), tmp_path_factory.mktemp("serve")) as server:
        yield server


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "sums.jsonl"
    with path.open("w") as out:
        for a in range(6):
            for b in range(8):
                messages = [
                    {"role": "user", "content": f"What is {a} + {b}?"},
                    {"role": "assistant", "content": str(a + b)},
                ]
                out.write(json.dumps({"messages": messages}) + "\n")
    return path


def begin(client: str, trainer: str, options: dict[str, Any]) -> subprocess.Popen[str]:
    environment = os.environ | {
        "TINKER_API_KEY": "tml-test",
        "TINKER_TELEMETRY": "0",
        "HF_HUB_OFFLINE": "1",
        # The cookbook asks for prices at the hosted service's site and goes on without.
        "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "no_proxy": "127.0.0.1",
    }
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(RUN), client, trainer, json.dumps(options)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output[-4000:]
    return output


def metrics(log_path: Path) -> list[dict[str, Any]]:
    path = log_path / "metrics.jsonl"
    if not path.is_file():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def kill_after(process: subprocess.Popen[str], log_path: Path, steps: int) -> None:
    """Kills it once so many steps are in its log."""
    for _ in range(6000):
        if len(metrics(log_path)) >= steps:
            break
        if process.poll() is not None:
            raise AssertionError(process.communicate()[0][-4000:])
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def of_steps(rows: list[dict[str, Any]], name: str) -> list[float]:
    by_step = {row["step"]: row[name] for row in rows if name in row}
    return [by_step[step] for step in sorted(by_step)]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_supervised_trainer(
    client: str, server: xfer.Server, conversations: Path, tmp_path: Path
) -> None:
    options = {
        "log_path": str(tmp_path / "log"),
        "base_url": server.url,
        # A folder that transformers reads the tokenizer from, so that nothing is downloaded.
        "model_name": str(Path(_native.locate_model("embedded:small")).resolve()),
        "file": str(conversations),
        "num_epochs": 3,
        "learning_rate": 3e-3,
        "save_every": 4,
        "eval_every": 14,
    }
    # Killed in the middle, and started again with the same command.
    kill_after(begin(client, "sl", options), tmp_path / "log", 6)
    assert "Resumed training from" in finish(begin(client, "sl", options))
    losses = of_steps(metrics(tmp_path / "log"), "train_mean_nll")
    assert len(losses) == 15
    assert mean(losses[-3:]) < 0.7 * mean(losses[:3]), losses


@pytest.mark.parametrize("client", CLIENTS)
def test_the_reinforcement_trainer(
    client: str, adding_server: xfer.Server, adding_model: Path, tmp_path: Path
) -> None:
    options = {
        "log_path": str(tmp_path / "log"),
        "base_url": adding_server.url,
        "model_name": str(adding_model),
        "group_size": 8,
        "groups_per_batch": 16,
        "learning_rate": 3e-3,
        "max_tokens": 20,
        "max_steps": 8,
        "save_every": 3,
        "eval_every": 0,
    }
    kill_after(begin(client, "rl", options), tmp_path / "log", 4)
    assert "Resumed training from" in finish(begin(client, "rl", options))
    rewards = of_steps(metrics(tmp_path / "log"), "env/all/reward/total")
    assert len(rewards) == 8
    assert mean(rewards[-3:]) > mean(rewards[:3]) + 0.1, rewards
