# SPDX-License-Identifier: Apache-2.0
"""Commands about data: list, check, get, show, overlap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import xfer
from xfer import _native, domain_sources
from xfer._names import did_you_mean

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Pass over bad rows and count them.")]
Task = Annotated[str, typer.Option(help="One task of a dataset that has several.")]

data = typer.Typer(help="Datasets and domains.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(data, name="data")


@data.command("list")
def list_domains(
    folder: Annotated[
        Path | None, typer.Argument(help="Also say which datasets are in this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the built-in domains and the datasets that xfer reads."""
    built_in = [{"name": n, "title": xfer.domain(n).title} for n in xfer.domains()]
    cards = _native.domain_cards()
    here = [] if folder is None else _datasets_in(folder)
    if as_json:
        _print_json({"domains": built_in, "cards": cards, "here": here})
        return
    typer.echo("Built-in domains (made by rule, without end):")
    for each in built_in:
        typer.echo(f"  {each['name']:14} {each['title']}")
    for card in cards:
        typer.echo(f"\n{card['title']}")
        for dataset in card["datasets"]:
            gated = "; not free to download" if dataset["gate"] else ""
            typer.echo(f"  {dataset['name']:14} {dataset['title'].partition(': ')[0]}")
            typer.echo(f"  {'':14} {dataset['splits']}; {dataset['licence']}{gated}")
    for found in here:
        typer.echo(f"\n{found['path']}: {found['title']}")


@data.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="A dataset file or folder.")],
    task: Task = "",
    as_json: AsJson = False,
) -> None:
    """Say what a dataset file holds: rows per split, bad rows, duplicates, labels.

    Ends with 2 when a row is bad.
    """
    report = domain_sources.check_data(path, task=task)
    if as_json:
        _print_json(report)
    else:
        _print_report(report)
    if report["bad_rows"]:
        raise typer.Exit(2)


@data.command("get")
def get(
    name: Annotated[str, typer.Argument(help="A dataset's name, as `xfer data list` shows it.")],
    folder: Annotated[Path, typer.Option(help="Where to put it.")] = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Download a dataset from the Hugging Face hub."""
    card = _card(name)
    if card["gate"]:
        raise xfer.Error(f"{name} cannot be downloaded by xfer. {card['gate']}", "not_available")
    if not card["hub"]:
        raise xfer.Error(
            f"{name} has no export on the Hugging Face hub; its authors' files: {card['files']}",
            "not_available",
        )
    target = folder / name
    files = _download(card, target)
    if as_json:
        _print_json({"name": name, "licence": card["licence"], "files": [str(f) for f in files]})
        return
    typer.echo(f"{name}: {len(files)} files in {target} (licence: {card['licence']})")
    for found in sorted({f.parent for f in files}):
        typer.echo(f"check it with: xfer data check {found}")


@data.command("show")
def show(
    domain: Annotated[str, typer.Argument(help="A built-in domain, or a dataset file or folder.")],
    split: Annotated[str, typer.Option(help="train, validation, test or heldout.")] = "test",
    index: Annotated[int, typer.Option(min=0, help="Which example.")] = 0,
    task: Task = "",
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Print one example of a domain."""
    opened = _open(domain, skip_bad, task)
    example = opened.example(split, index)
    prompt = opened.prompts[0].apply(example.question)
    if as_json:
        fields = ("id", "question", "solution", "answer", "choices", "kind", "extra")
        content: dict[str, Any] = {name: getattr(example, name) for name in fields}
        _print_json(content | {"prompt": prompt})
        return
    typer.echo(f"{opened.name}, {split} {index} of {opened.size(split)}, id {example.id}\n")
    typer.echo(f"{prompt}\n\n{example.solution}")


@data.command("overlap")
def overlap(
    domains: Annotated[list[str], typer.Argument(help="Built-in domains, dataset files, folders.")],
    items: Annotated[int, typer.Option(min=1, help="Items looked at in each split.")] = 20_000,
    similarity: Annotated[float, typer.Option(help="Least similarity of near-duplicates.")] = 0.35,
    skip_bad: SkipBad = False,
    as_json: AsJson = False,
) -> None:
    """Look for test items among training text, within and across domains."""
    opened = [_open(name, skip_bad, "") for name in domains]
    cells = _native.find_overlap(opened, opened, items_max=items, similarity=similarity)
    if as_json:
        _print_json(cells)
        return
    typer.echo(f"{'trained on':16} {'tested on':16} {'items':>8}   exact same-words runs near")
    for cell in cells:
        counts = cell["flagged"]
        typer.echo(
            f"{cell['train']:16} {cell['test']:16} {cell['test_items']:8} "
            f"{counts['exact']:7} {counts['normalised']:10} {counts['gram']:4} {counts['near']:4}"
        )
    for cell in cells:
        for pair in cell["pairs"][:10]:
            typer.echo(f"  {pair['kind']}: {pair['test_id']} is in {pair['train_id']}")


def _open(name: str, skip_bad: bool, task: str) -> xfer.Domain:
    if name in xfer.domains():
        return xfer.domain(name)
    if not Path(name).exists():
        raise xfer.Error(
            f"unknown domain {name!r}{did_you_mean(name, xfer.domains())} (built in: "
            f"{', '.join(xfer.domains())}; "
            "a dataset file's path is also allowed)",
            "invalid_argument",
        )
    return domain_sources.domain_from_file(name, skip_bad=skip_bad, task=task)


def _card(name: str) -> dict[str, Any]:
    known = [d for card in _native.domain_cards() for d in card["datasets"]]
    for dataset in known:
        if dataset["name"] == name:
            found: dict[str, Any] = dataset
            return found
    raise xfer.Error(
        f"no dataset named {name!r}{did_you_mean(name, [d['name'] for d in known])} "
        f"(known: {', '.join(d['name'] for d in known)})",
        "invalid_argument",
    )


def _datasets_in(folder: Path) -> list[dict[str, Any]]:
    """Datasets in the folder and those below it, two levels down."""
    if not folder.is_dir():
        raise xfer.Error(f"{folder}: no such folder", "invalid_argument")
    found: dict[str, dict[str, Any]] = {}
    for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
        if not path.is_file() or path.name.lower().startswith(("licen", "readme")):
            continue
        try:
            report = domain_sources.check_data(path)
        except xfer.Error:
            continue  # not a dataset
        first = report["files"][0]["path"]
        found.setdefault(first, {"path": str(path), **report})
    return list(found.values())


def _download(card: dict[str, Any], target: Path) -> list[Path]:
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError as error:
        raise xfer.Error(
            "xfer data get needs the package huggingface_hub (pip install huggingface_hub); by "
            f"hand: {card['files']}, or huggingface.co/datasets/{card['hub']}",
            "not_available",
        ) from error
    page = f"huggingface.co/datasets/{card['hub']}"
    try:
        names = HfApi().list_repo_files(card["hub"], repo_type="dataset")
        wanted = _files_of_config(names, card["hub_config"])
        snapshot_download(card["hub"], repo_type="dataset", local_dir=target, allow_patterns=wanted)
    except Exception as error:  # its exceptions differ between versions and transports
        if type(error).__name__ == "GatedRepoError":
            raise xfer.Error(
                f"{card['name']}: its owners want to be asked first: accept their terms at {page}, "
                "log in with `hf auth login`, and try again",
                "not_available",
            ) from error
        raise xfer.Error(
            f"{card['name']}: cannot download {page} ({type(error).__name__}: is there a "
            f"network?); by hand: {card['files'] or page}",
            "unavailable",
        ) from error
    return sorted(target / name for name in wanted if (target / name).is_file())


def _files_of_config(names: list[str], config: str) -> list[str]:
    """The data files of one configuration: those below a folder of its name, and those that lie
    in no folder. All of them where no folder has its name."""
    endings = {".parquet", ".json", ".jsonl", ".csv", ".tsv", ".txt", ".gz", ".zst"}
    found = [
        name
        for name in names
        if Path(name).suffix in endings and not any(p.startswith(".") for p in Path(name).parts)
    ]
    own = [name for name in found if config in Path(name).parts[:-1]]
    if not config or not own:
        return found
    return own + [name for name in found if "/" not in name]


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _print_report(report: dict[str, Any]) -> None:
    typer.echo(f"{report['title']}\nform: {report['form']}\nlicence: {report['licence']}")
    for file in report["files"]:
        split = f", {file['split']}" if file["split"] else ""
        typer.echo(f"{file['path']}: {file['rows']} rows ({file['format']}{split})")
        typer.echo(f"  sha256 {file['sha256']}")
    typer.echo(f"splits: {report['splits']}")
    for split, count in report["examples"].items():
        if count:
            typer.echo(f"  {split:10} {count:7} examples")
    for split, counts in report["labels"].items():
        shown = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:12]
        typer.echo(f"labels of {split}: " + ", ".join(f"{k} {v}" for k, v in shown))
    for why, count in report["set_aside"].items():
        typer.echo(f"set aside: {count} rows ({why})")
    if report["duplicate_questions"]:
        typer.echo(f"questions that are there before: {report['duplicate_questions']}")
        for pair in report["duplicates"][:5]:
            typer.echo(f"  {pair['id']} is {pair['first_id']}")
    typer.echo(f"bad rows: {report['bad_rows']}")
    for line in report["bad"][:20]:
        typer.echo(f"  {line}")
