"""The commands that say what the command line itself does: which options are in force, and completion for shells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from cyclopts import App, Argument

from ..corpora.names import nearest
from .config import Files, environment, is_option, unused_variables, whole_numbers
from .terminal import output

Shell = Literal["bash", "zsh", "fish"]


class InForce(NamedTuple):
    """An option, the value it has, and where that comes from."""

    command: str
    option: str
    value: str
    source: str


def show_config(app: App, command: str | None, file: str | None) -> int:
    """Print which options are in force and where each comes from: all of one command, or what is set of any.

    Raises:
        UsageError: there is no such command, or a file holds what is no option.
    """
    from rich.table import Table
    from rich.text import Text

    from ..reports.escape import visible
    from ..reports.text import write

    files = Files(app)
    options = files.options()
    if command is not None and command not in options:
        raise nearest(command, options, "command")
    rows = [row for name in options if command in (None, name) for row in in_force(app, name, file)]
    shown = rows if command is not None else [row for row in rows if row.source not in ("default", "required")]
    table = Table("command", "option", "value", "from")
    for row in shown:
        table.add_row(*(Text(visible(cell), overflow="fold") for cell in row))
    console = output()
    if shown:
        write(console, table)
    else:
        print("No option is set by a file or by the environment.")
    for variable in unused_variables(options):
        print(f"Not used: {visible(variable)} is in the environment and sets no option.")
    return 0


def in_force(app: App, command: str, file: str | None) -> Iterator[InForce]:
    """The options of a command as they would be without anything on the command line but `--config`."""
    arguments = app[command].assemble_argument_collection()
    for source in (environment(), Files(app, file), whole_numbers):
        source(app[command], (command,), arguments)
    for argument in arguments:
        if is_option(argument):
            if argument.tokens:
                argument.convert_and_validate()  # a file may hold what is no value of the option
            yield InForce(command, argument.name, *_value(argument))


def completion(app: App, shell: Shell) -> int:
    """Print what a shell reads to complete commands and options."""
    print(app.generate_completion(shell=shell))
    return 0


def _value(argument: Argument) -> tuple[str, str]:
    """The value of an option as one would write it, and where it comes from."""
    if argument.tokens:
        tokens = argument.tokens
        source = f"environment {tokens[0].keyword}" if tokens[0].source == "env" else tokens[0].source
        return ", ".join(token.value for token in tokens), "command line" if source == "cli" else source
    default = argument.field_info.default
    if default is None or default == () or default is argument.field_info.empty:
        return "", "required" if argument.required else "default"
    return str(default).lower() if isinstance(default, bool) else str(default), "default"
