# SPDX-License-Identifier: Apache-2.0
"""The command line: `xfer --help`.

Exit codes: 0 done, 1 failure, 2 bad input, 130 stopped by Ctrl-C. Results go to stdout, everything
else to stderr.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import Annotated

import typer

import xfer
from xfer import (
    _native,
    cli_data,
    cli_doctor,
    cli_help,
    cli_regrade,
    cli_report,
    cli_serve,
    cli_similarity,
    cli_study,
    cli_tools,
    cli_train,
    cli_watch,
)

app = typer.Typer(
    name="xfer",
    help="How much does fine-tuning on domain A improve domain B, and is that difference real?",
    epilog="Start with: xfer run",
    no_args_is_help=True,
    cls=cli_help.SuggestingGroup,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
cli_study.add_to(app)
cli_watch.add_to(app)
cli_tools.add_to(app)
cli_doctor.add_to(app)
cli_data.add_to(app)
cli_regrade.add_to(app)
cli_report.add_to(app)
cli_similarity.add_to(app)
cli_serve.add_to(app)
cli_train.add_to(app)
cli_help.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"xfer {xfer.__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an internal error.")
    ] = False,
) -> None:
    """Options of every command."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and leaves the process with its exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """The exit code of a command line. Whatever goes wrong is one line on stderr."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as cleanly as by Ctrl-C
    try:
        code = app(args=arguments, prog_name="xfer", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, e.g. `xfer report | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except xfer.Error as error:
        return _fail(str(error), 2 if _native.is_bad_input(error.code) else 1)
    except OSError as error:
        return _fail(str(error), 1)
    except MemoryError:
        return _fail("not enough memory", 1)
    except Exception as error:
        return _fail_otherwise(error, debug="--debug" in arguments)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    print(f"{cli_help.paint('error:', 'red', sys.stderr)} {message}", file=sys.stderr)
    return code


def _fail_otherwise(error: Exception, debug: bool) -> int:
    # Usage errors and aborts of the option parser, whose classes differ between its versions.
    if type(error).__name__ == "Abort":
        return 130
    if hasattr(error, "format_message"):
        return _fail(f"{error.format_message()} (see xfer --help)", 2)
    if debug:
        traceback.print_exception(error)
    kind = type(error).__name__
    return _fail(f"internal error: {kind}: {error}; please report it (--debug shows where)", 1)
