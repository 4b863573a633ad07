"""The command line: parse, call, print. What a command does is one call of the library.

Exit codes: 0 fine, 1 a gate failed, 2 usage, 3 the judge or the machine failed, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sqlite3
import sys
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from . import __version__
from .commands import about
from .commands.attacking import attack, check
from .commands.comparing import compare
from .commands.config import Files, environment, whole_numbers
from .commands.exporting import export
from .commands.manual import ROOT, epilogue, paragraphs
from .commands.options import ConfigFile
from .commands.reading import list_names, report, show
from .commands.surveying import survey
from .commands.training import collapse, duel, harden, train
from .commands.transferring import transfer
from .corpora.errors import HoodwinkError

app = App(
    name="hoodwink",
    help="Find out what fools your LLM judge, how cheaply, and prove it.",
    help_epilogue=ROOT.text(),
    help_format="plaintext",
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # `run` says how to go on
)
app["--help"].group = "Options"
app["--version"].group = "Options"


def show_config(
    command: Annotated[str | None, Parameter(help="All options of this command. [default: what is set of any]")] = None,
    *,
    config: ConfigFile = None,
) -> int:
    """Show which options are in force, and where each value comes from.

    On the command line, a value comes before the environment (HOODWINK_BUDGET), that before the file of --config, that
    before [tool.hoodwink] of the nearest pyproject.toml upwards that has one, and that before the default. In a file,
    the table of a command, such as [tool.hoodwink.attack], comes before what stands above all tables.
    """
    return about.show_config(app, command, None if config is None else str(config))


def completion(shell: Annotated[about.Shell, Parameter(help="The shell that is to read it.")]) -> int:
    """Print a script with which a shell completes commands and options."""
    return about.completion(app, shell)


for _command in (
    attack,
    report,
    show,
    export,
    compare,
    transfer,
    survey,
    check,
    duel,
    collapse,
    train,
    harden,
    show_config,
    completion,
):
    _name = _command.__name__.replace("_", "-")
    app.command(_command, name=_name, help=paragraphs(_command), help_epilogue=epilogue(_name))
app.command(list_names, name="list", help=paragraphs(list_names), help_epilogue=epilogue("list"))
app.config = (environment(), Files(app), whole_numbers)


def main(tokens: list[str] | None = None) -> None:
    """Run a command and exit with its code; errors are one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character gets its escape
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:] if tokens is None else tokens))


def run(tokens: list[str]) -> int:
    """Run a command and return its exit code."""
    from .reports.escape import visible

    try:
        code: Any = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or 0)
    except UnusedCliTokensError as error:
        extra = " ".join(map(repr, error.unused_tokens or []))
        return _fail(visible(f"{extra} is not expected here; options begin with -- (hoodwink --help)"), 2)
    except CycloptsError as error:
        return _fail(f"{visible(' '.join(str(error).split()))} (hoodwink --help lists commands and options)", 2)
    except HoodwinkError as error:
        return _fail(visible(" ".join(str(error).split())), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; the same command goes on from here", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _fail("the machine ran out of memory; the same command goes on from here", 3)
    except OSError as error:
        where = f": {visible(str(error.filename))}" if error.filename else ""
        return _fail(f"{error.strerror or error}{where}; the same command goes on from here", 3)
    except sqlite3.Error as error:  # a full disk, most of the time
        return _fail(f"cannot use the run's run.db: {error}; the same command goes on from here", 3)


def _fail(message: str, code: int) -> int:
    print(f"hoodwink: {message}", file=sys.stderr)
    return code
