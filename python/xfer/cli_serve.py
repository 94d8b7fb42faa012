# SPDX-License-Identifier: Apache-2.0
"""Tinker-compatible servers: `xfer serve`, and the card of `xfer doctor --url`."""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

import xfer
from xfer import _native


def add_to(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    model: Annotated[
        str,
        typer.Option(
            help="embedded:small, embedded:large, pypi:<package>, a model folder or a .gguf file."
        ),
    ] = "embedded:small",
    name: Annotated[
        str, typer.Option(help="What clients call the model; its folder's path works as well.")
    ] = "",
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than 127.0.0.1 need keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8000,
    folder: Annotated[
        Path, typer.Option(help="Where checkpoints and their database are kept.")
    ] = Path("xfer-serve"),
    threads: Annotated[int, typer.Option(min=0, help="0: all cores.")] = 0,
    weights: Annotated[
        str, typer.Option(help="f32, or bf16 for half the memory of the frozen weights.")
    ] = "f32",
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="A file with one key a line; each is an account of its own."),
    ] = None,
    compress: Annotated[
        bool, typer.Option("--compress", help="Ask clients to compress training data.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say where it listens as one line of JSON.")
    ] = False,
    batch_polls: Annotated[
        bool,
        typer.Option(
            "--batch-polls", help="Ask clients to wait for all their samples with one request."
        ),
    ] = False,
) -> None:
    """Serve a model to Tinker clients, until Ctrl-C."""
    allow_many_connections()
    server = start(
        model,
        folder,
        name=name,
        host=host,
        port=port,
        threads=threads,
        weights=weights,
        api_keys=read_keys(api_key_file) if api_key_file else [],
        compress=compress,
        batch_polls=batch_polls,
    )
    key = "one of the file's" if api_key_file else "tml-local (any will do)"
    if as_json:
        typer.echo(json.dumps({"url": server.url, "model": name or model}))
    else:
        typer.echo(f"xfer serves {name or model} at {server.url}; Ctrl-C stops it.")
        typer.echo(f"For clients: TINKER_BASE_URL={server.url}, TINKER_API_KEY: {key}")
    sys.stdout.flush()  # whoever reads a pipe waits for the address
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        typer.echo("stopping: what is being computed is finished first", err=True)
    server.stop()


def start(
    model: str,
    folder: Path,
    *,
    name: str = "",
    host: str = "127.0.0.1",
    port: int = 0,
    threads: int = 0,
    weights: str = "f32",
    api_keys: list[str] | None = None,
    compress: bool = False,
    batch_polls: bool = False,
) -> xfer.Server:
    """A server of the model that a study would call `model`."""
    where = Path(_native.locate_model(model)).resolve()
    # Clients that read the tokenizer themselves are given the folder, so that they work offline.
    has_tokenizer = (where / "tokenizer.json").is_file()
    return xfer.Server(
        xfer.Model.load(model, threads=threads, weights=weights),
        folder,
        name=name or model,
        aliases=[str(where)] if str(where) != (name or model) else [],
        tokenizer=str(where) if has_tokenizer else "",
        host=host,
        port=port,
        api_keys=api_keys or [],
        compress=compress,
        batch_polls=batch_polls,
    )


def read_keys(path: Path) -> list[str]:
    """The keys in a file, one a line; empty lines and those that begin with # do not count."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise xfer.Error(f"--api-key-file {path}: there is no key in it", "invalid_argument")
    return keys


def allow_many_connections() -> None:
    """A client with hundreds of samples under way opens as many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def examine(url: str, model: str, samples: int, as_json: bool, record: Path | None = None) -> None:
    """Prints the conformance card of a service; fails when an item does."""
    allow_many_connections()

    def show(item: tuple[str, str, str]) -> None:
        if not as_json:
            typer.echo(f"{item[1]:11} {item[0]}: {item[2]}")

    card = _native.examine_service(
        url,
        base_model=model,
        samples_at_once=samples,
        record_file=record or "",
        on_item=show,
    )
    if as_json:
        fields = ("item", "verdict", "value")
        typer.echo(json.dumps([dict(zip(fields, item, strict=True)) for item in card], indent=2))
    failed = sum(verdict == "fail" for _, verdict, _ in card)
    if failed:
        raise xfer.Error(f"{failed} of {len(card)} items failed at {url}", "not_available")
