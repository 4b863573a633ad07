"""Options that are not on the command line: from the environment, a file, or the project's pyproject.toml.

A value is looked for on the command line, then in the environment (`HOODWINK_BUDGET`), then in the file of `--config`,
then in the nearest pyproject.toml upwards that has a table `[tool.hoodwink]`; else the default counts. In a file, the
table of a command (`[tool.hoodwink.attack]`) comes before what stands above all of them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from cyclopts import App, Argument, ArgumentCollection, Token
from cyclopts.config import Env

from ..corpora.errors import UsageError
from ..corpora.names import nearest

#: What variables of the environment begin with, and one that is no option: where models are kept.
PREFIX, CACHE = "HOODWINK_", "HOODWINK_CACHE"
PROJECT = "pyproject.toml"
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a file sets.

    Attributes:
        file: where it was read.
        root: what stands before the names of its tables: `tool.hoodwink`, or nothing.
        values: options of all commands, and a table for each command that has options of its own.
    """

    file: Path
    root: str
    values: Table

    def tables(self, command: str) -> Iterator[tuple[str, Table]]:
        """The tables that a command takes options from, the nearest first, each with where it stands."""
        name = ".".join(part for part in (self.root, command) if part)
        yield f"{self.file} [{name}]", self.values.get(command, {})
        shared = {key: value for key, value in self.values.items() if not isinstance(value, dict)}
        yield f"{self.file} [{self.root}]" if self.root else str(self.file), shared


class Files:
    """A source of options for cyclopts: the file of `--config`, then the project's own."""

    source = "files"

    def __init__(self, app: App, file: str | None = None) -> None:
        """`app` is the whole command line: what it has tells which names are valid. `file` stands for `--config`."""
        self.app = app
        self.file = file

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Give each argument that has no value yet the one that a file has for it."""
        for settings in self.found(arguments):
            options = self.options()
            _check(settings, options)
            for where, table in settings.tables(" ".join(commands)):
                for key, value in table.items():
                    argument = arguments.get(_option(key), None)
                    if argument is not None and not argument.tokens:
                        _fill(argument, key, value, where)

    def found(self, arguments: ArgumentCollection) -> Iterator[Settings]:
        """The files that count, the first before the second.

        Raises:
            UsageError: one cannot be read, or is no TOML.
        """
        given = arguments.get("--config", None)
        file = given.tokens[-1].value if given is not None and given.tokens else self.file
        if file is not None:
            yield _given(Path(file))
        project = project_settings(Path.cwd())
        if project is not None:
            yield project

    def options(self) -> dict[str, dict[str, Argument]]:
        """The options of each command, by their names without dashes; `config` itself is set in no file."""
        commands = [name for name in self.app if not name.startswith("-")]
        return {
            name: {
                argument.name.removeprefix("--"): argument
                for argument in self.app[name].assemble_argument_collection()
                if is_option(argument) and argument.name != "--config"
            }
            for name in commands
        }


def whole_numbers(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse a fraction where a whole number is asked for, wherever it comes from: cyclopts would round it.

    Raises:
        UsageError: there is one.
    """
    for argument in arguments:
        if int in (argument.hint, *get_args(argument.hint)):
            for token in argument.tokens:
                if "." in token.value:
                    raise UsageError(f"{argument.name} is {token.value}; write a whole number")


def is_option(argument: Argument) -> bool:
    """Whether it is given by its name: no place on the command line, no bundle of options."""
    return argument.name.startswith("--") and argument.index is None and not argument.children


def environment() -> Env:
    """The source that reads `HOODWINK_...`: one name for all commands, and none in the help of each option."""
    return Env(PREFIX, command=False, show=False)


def project_settings(folder: Path) -> Settings | None:
    """Those of the nearest pyproject.toml at or above a folder that has a table for hoodwink.

    Raises:
        UsageError: a pyproject.toml on the way is no TOML.
    """
    for place in (folder, *folder.parents):
        file = place / PROJECT
        if file.is_file():
            tool = _read(file).get("tool")
            if isinstance(tool, dict) and isinstance(tool.get("hoodwink"), dict):
                return Settings(Path(os.path.relpath(file, folder)), "tool.hoodwink", tool["hoodwink"])
    return None


def unused_variables(options: Mapping[str, Mapping[str, Argument]]) -> list[str]:
    """Variables of the environment that look like ours and set nothing."""
    known = {PREFIX + name.upper().replace("-", "_") for table in options.values() for name in table}
    return sorted(
        name for name in os.environ if name.startswith(PREFIX) and name not in {*known, CACHE, "HOODWINK_CONFIG"}
    )


def _given(file: Path) -> Settings:
    """The settings of `--config`: a pyproject.toml's table, or a file of its own without that table's name."""
    values = _read(file)
    tool = values.get("tool")
    if isinstance(tool, dict) and isinstance(tool.get("hoodwink"), dict):
        return Settings(file, "tool.hoodwink", tool["hoodwink"])
    if file.name == PROJECT:
        raise UsageError(f"config {file} has no table [tool.hoodwink]; write one, or give another file")
    return Settings(file, "", values)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"config {file} cannot be read: {error.strerror or error}; give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"config {file} is no TOML: {error}") from error


def _check(settings: Settings, options: Mapping[str, Mapping[str, Argument]]) -> None:
    """Every key is an option, every table a command.

    Raises:
        UsageError: one is not; it names the nearest.
    """
    everywhere = {name for table in options.values() for name in table}
    for key, value in settings.values.items():
        if not isinstance(value, dict):
            _known(settings, key, everywhere, "option")
        elif key not in options:
            raise _in_file(settings, nearest(key, options, "command"))
        else:
            for inner in value:
                _known(settings, inner, set(options[key]), f"option of {key}")


def _known(settings: Settings, key: str, names: set[str], kind: str) -> None:
    name = _option(key).removeprefix("--")
    if name not in names:
        raise _in_file(settings, nearest(name, names, kind))


def _in_file(settings: Settings, error: UsageError) -> UsageError:
    return UsageError(f"config {settings.file}: {error}")


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _fill(argument: Argument, key: str, value: Any, where: str) -> None:
    """Give an argument a value of TOML. A list is as if given several times, or stands for names between commas.

    Raises:
        UsageError: a table or a date, which no option takes.
    """
    several = argument.token_count()[1]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | bool | int | float) for each in values):
        raise UsageError(
            f"config {where}: {key} is {value!r}; write a text, a number, true or false, or a list of them"
        )
    texts = [str(each).lower() if isinstance(each, bool) else str(each) for each in values]
    for index, text in enumerate(texts if several else [",".join(texts)]):
        argument.append(Token(keyword=key, value=text, source=where, index=index))
