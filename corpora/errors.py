"""What can go wrong, sorted by who can mend it. The command line prints one line and exits with `exit_code`."""

from __future__ import annotations


class HoodwinkError(Exception):
    """Base of every error that hoodwink raises on purpose: one line that says what is wrong and what to do."""

    exit_code = 3


class UsageError(HoodwinkError):
    """Bad input: says what is wrong, the value, and what to write instead. Exit code 2."""

    exit_code = 2


class JudgeError(HoodwinkError):
    """The judge failed: it raised, or broke its contract (NaN, wrong length). Exit code 3."""


for _public in (HoodwinkError, UsageError, JudgeError):
    _public.__module__ = "hoodwink"  # where users import them from; a traceback then reads `hoodwink.JudgeError: ...`


class MissingExtra(UsageError):
    """A feature needs a package that is not installed; names the extra that brings it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'hoodwink[{extra}]'")
