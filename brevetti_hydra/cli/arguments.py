"""Arguments of the commands (`runs`, `show`, ...); the run line itself is read by `config`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from brevetti_hydra._text import similar_name
from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CommandParser", "LineParser", "add_root"]


class CommandParser(argparse.ArgumentParser):
    """argparse with exact names and our form of errors.

    `--json`, `--traceback` and `--help` are taken by `cli.main` before, so that they also hold for
    a line that cannot be read; here they only appear in the help.
    """

    def __init__(self, command: str, summary: str, **options: Any) -> None:
        """Begin a command's parser.

        Args:
            command: Its name.
            summary: One line for `--help`.
            options: As argparse takes them.
        """
        super().__init__(
            prog=f"brevetti-hydra {command}",
            description=summary,
            allow_abbrev=False,
            add_help=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )
        common = self.add_argument_group("everywhere")
        common.add_argument(
            "--json", action="store_true", help="print one JSON document; --json=lines one a line"
        )
        common.add_argument(
            "--traceback", action="store_true", help="print the traceback of an error as well"
        )
        common.add_argument("--help", "-h", action="store_true", help="print this")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Read the words after the command.

        Raises:
            UsageError: An option or word is unknown or missing, or a value is wrong.
        """
        arguments, rest = self.parse_known_args(_join_values(words, self._takes_value()))
        if rest:
            raise self._unexpected(rest[0])
        return arguments

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print.

        Raises:
            UsageError: Always.
        """
        raise UsageError(message, hint=self._help_hint())

    def _takes_value(self) -> frozenset[str]:
        return frozenset(
            name for action in self._actions if action.nargs != 0 for name in action.option_strings
        )

    def _unexpected(self, word: str) -> UsageError:
        if not word.startswith("-"):
            return UsageError(f"unexpected argument '{word}'", hint=self._help_hint())
        name = word.partition("=")[0]
        near = similar_name(name, self._option_string_actions)
        notes = [f"a similar name exists: '{near}'"] if near else []
        return UsageError(f"no option '{name}'", notes=notes, hint=self._help_hint())

    def _help_hint(self) -> str:
        return f"see '{self.prog} --help'"


class LineParser(CommandParser):
    """For commands that compose a configuration: beside their own options they take a run's line.

    The namespace gets `request`: overrides, container arguments and flags as a run reads them, and
    in `request.keys` the words that are none of these.
    """

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Read the words after the command.

        Raises:
            UsageError: An option lacks its value, or has one that it does not take.
            OverrideSyntaxError: A word is neither flag nor override nor key.
        """
        # Imported here: the commands on records need nothing of it.
        from brevetti_hydra.config import find_project, read_argv

        arguments, rest = self.parse_known_args(_join_values(words, self._takes_value()))
        budget = find_project(Path.cwd()).budget
        arguments.request = read_argv(rest, budget, takes_keys=True)
        return arguments


def add_root(parser: argparse.ArgumentParser) -> None:
    """Add `--root`, which every command on recorded runs has."""
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="folder of all runs; default: $BREVETTI_HYDRA_RUNS, else ./runs",
    )


def _join_values(words: Sequence[str], names: frozenset[str]) -> list[str]:
    """Write `--sort -x` as `--sort=-x`: argparse alone takes `-x` for an option."""
    joined: list[str] = []
    pending: str | None = None
    for index, word in enumerate(words):
        if pending is not None:
            joined.append(f"{pending}={word}")
            pending = None
        elif word == "--":
            return joined + list(words[index:])
        elif word in names and word.startswith("--"):
            pending = word
        else:
            joined.append(word)
    return joined if pending is None else [*joined, pending]
