# SPDX-License-Identifier: Apache-2.0
"""Help, examples, completion, colours, suggestions and the doctor."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
import xfer
from conftest import Cli, command
from xfer import cli, cli_help, machine

ROOT = typer.main.get_command(cli.app)


def commands(group: Any = ROOT, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from commands(each, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", each


COMMANDS = dict(commands())


def parse(line: str) -> None:
    """Raises where the line is not a command with options that it has; runs nothing."""
    words = shlex.split(line.partition(" > ")[0], comments=True)
    assert words[0] == "xfer", line
    name, rest = words[1], words[2:]
    if name.startswith("-"):
        return
    if name == "data":
        name, rest = f"data {rest[0]}", rest[1:]
    COMMANDS[name].make_context(name, rest)


def test_every_command_has_examples() -> None:
    assert set(cli_help.EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_examples_parse_and_are_in_the_help(name: str, cli: Cli) -> None:
    shown = cli(*name.split(), "--help")
    assert shown.returncode == 0, shown.stderr
    assert "Examples:" in shown.stdout
    for what, why in cli_help.EXAMPLES[name]:
        parse(what)
        assert what.startswith(f"xfer {name}")
        assert f"\n    {what}\n        {why}\n" in shown.stdout


def test_what_prints_content_prints_json_too() -> None:
    """`report` has it among its formats; what `watch` draws, `status` says in JSON."""
    for name, each in COMMANDS.items():
        options = {option for p in each.params for option in p.opts}
        assert "--json" in options or name in ("report", "watch"), name


@pytest.mark.parametrize("name", ["run", "train", "similarity"])
def test_what_shows_progress_can_be_quiet(name: str) -> None:
    assert {"-q", "--quiet"} <= {option for p in COMMANDS[name].params for option in p.opts}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["rnu"], "did you mean run"),
        (["reprot", "runs/pilot"], "did you mean report"),
        (["data", "shwo", "math"], "did you mean show"),
        (["data", "show", "maths"], "did you mean math"),
        (["data", "get", "gsm8"], "did you mean gsm8k"),
        (["run", "--set", "stpes=3"], "did you mean steps"),
        (["run", "--quite"], "--quiet"),
        (["presets", "piolt"], "did you mean pilot"),
    ],
)
def test_mistyped_names_get_a_suggestion(cli: Cli, typed: list[str], meant: str) -> None:
    done = cli(*typed)
    assert done.returncode == 2, done.stderr
    assert meant in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    script = subprocess.run(
        [*command(), "--show-completion", shell],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )
    assert "xfer" in script.stdout
    done = subprocess.run(
        command(),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {
            "_XFER_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": "xfer re",
            "COMP_CWORD": "1",
            "_TYPER_COMPLETE_ARGS": "xfer re",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
    )
    assert "report" in done.stdout and "regrade" in done.stdout, done.stderr
    assert "similarity" not in done.stdout


def on_a_terminal(*arguments: str, **environment: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*command(), *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={k: v for k, v in os.environ.items() if k != "NO_COLOR"} | environment,
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # how Linux says that the other side has closed
        pass
    finally:
        os.close(ours)
    process.wait(timeout=60)
    return seen.decode("utf-8", "replace")


def test_colours_only_on_a_terminal(cli: Cli) -> None:
    assert "\x1b[" in on_a_terminal("doctor", "--quick", TERM="xterm")
    assert "\x1b[" not in on_a_terminal("doctor", "--quick", TERM="xterm", NO_COLOR="1")
    assert "\x1b[" not in on_a_terminal("doctor", "--quick", TERM="dumb")
    assert "\x1b[" in on_a_terminal("rnu", TERM="xterm")
    assert "\x1b" not in cli("doctor", "--quick").stdout
    assert "\x1b" not in cli("rnu").stderr


def test_the_doctor_trains_and_samples(cli: Cli) -> None:
    done = cli("doctor", "--json")
    assert done.returncode == 0, done.stderr
    checks = {c["check"]: c for c in json.loads(done.stdout)}
    for name in ("self-test of training", "self-test of sampling", "system libraries"):
        assert checks[name]["ok"], checks[name]
    assert "avx2" in checks["processor"]["detail"] or not checks["processor"]["ok"]
    quick = {c["check"] for c in json.loads(cli("doctor", "--quick", "--json").stdout)}
    assert quick == {name for name in checks if not name.startswith("self-test")}


def test_the_doctor_fails_where_xfer_cannot_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Any) -> None:
        raise xfer.Error("no such model", "not_available")

    monkeypatch.setattr(machine._native, "locate_model", broken)
    assert cli.run(["doctor", "--quick"]) == 1
    assert "FAILED  model embedded:small: no such model" in capsys.readouterr().out


def test_a_training_that_learns_nothing_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "TRAINING_SECONDS", 0.0)
    monkeypatch.setattr(machine, "SAMPLING_SECONDS", 0.0)
    found = {c.name: c for c in machine.checks()}
    assert found["self-test of training"].ok

    class Still(xfer.Trainer):  # type: ignore[misc]
        def optim_step(self, **_: Any) -> None:
            return None

    monkeypatch.setattr(machine.xfer, "Trainer", Still)
    found = {c.name: c for c in machine.checks()}
    assert not found["self-test of training"].ok
    assert found["self-test of training"].needed


def test_the_root_help_names_every_command(cli: Cli) -> None:
    text = cli("--help").stdout
    for name in COMMANDS:
        assert name.split()[0] in text
    assert "xfer run" in text
