# SPDX-License-Identifier: Apache-2.0
"""The server from Python, and `xfer serve`; the protocol itself is tested in C++."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import xfer
from conftest import Cli, command


def ask(url: str, path: str, body: Any = None, key: str = "tml-key") -> Any:
    request = urllib.request.Request(
        f"{url}/api/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-API-Key": key},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def status(url: str, path: str, key: str) -> int:
    try:
        ask(url, path, key=key)
    except urllib.error.HTTPError as error:
        with error:
            assert "error" in json.load(error)
            return error.code
    return 200


def test_a_server_serves_until_it_is_stopped(model: xfer.Model, tmp_path: Path) -> None:
    with xfer.Server(model, tmp_path / "state", name="tiny", aliases=["other"]) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        models = ask(server.url, "get_server_capabilities")["supported_models"]
        assert [m["model_name"] for m in models] == ["tiny", "other"]
    with pytest.raises(urllib.error.URLError):
        ask(server.url, "healthz")
    server.stop()
    assert (tmp_path / "state" / "serve.db").is_file()


def test_keys_are_checked(model: xfer.Model, tmp_path: Path) -> None:
    with xfer.Server(model, tmp_path, api_keys=["tml-right"]) as server:
        assert status(server.url, "healthz", "tml-right") == 200
        assert status(server.url, "healthz", "tml-wrong") == 401


def test_wrong_options_are_refused(model: xfer.Model, tmp_path: Path) -> None:
    with pytest.raises(xfer.Error, match="numeric address"):
        xfer.Server(model, tmp_path, host="localhost")
    with pytest.raises(xfer.Error, match="API keys"):
        xfer.Server(model, tmp_path, host="0.0.0.0")
    with (
        xfer.Server(model, tmp_path),
        pytest.raises(xfer.Error, match="another server") as caught,
    ):
        xfer.Server(model, tmp_path)
    assert caught.value.code == "unavailable"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_stops_cleanly(model_folder: Path, tmp_path: Path, how: signal.Signals) -> None:
    arguments = ["--model", str(model_folder), "--port", "0", "--folder", "state", "--threads", "1"]
    with subprocess.Popen(
        [*command(), "serve", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        first = process.stdout.readline()
        assert first.startswith("xfer serves "), first
        url = first.split(" at ")[1].split(";")[0]
        names = [m["model_name"] for m in ask(url, "get_server_capabilities")["supported_models"]]
        assert names == [str(model_folder)]
        process.send_signal(how)
        assert process.wait(timeout=60) == 0
        assert "stopping" in process.stderr.read()


def test_the_command_refuses_an_empty_key_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# none yet\n")
    done = cli("serve", "--api-key-file", "keys", "--port", "0")
    assert done.returncode == 2
    assert "no key" in done.stderr


def test_the_doctor_gives_our_server_a_clean_card(
    model: xfer.Model, tmp_path: Path, cli: Cli
) -> None:
    with xfer.Server(model, tmp_path / "state", name="tiny") as server:
        done = cli("doctor", "--url", server.url, "--samples", "16", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    card = json.loads(done.stdout)
    assert len(card) > 20
    assert [c for c in card if c["verdict"] != "pass"] == []


def test_the_doctor_tells_when_nobody_answers(cli: Cli) -> None:
    done = cli("doctor", "--url", "http://127.0.0.1:1", "--json")
    assert done.returncode == 1
    assert "failed at http://127.0.0.1:1" in done.stderr
    assert {c["verdict"] for c in json.loads(done.stdout)} == {"fail"}
