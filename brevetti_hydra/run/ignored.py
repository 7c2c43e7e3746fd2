"""Which of some files git ignores, asked for while others work.

Apart from `git`, because the files are known later than the tree of the code, and may lie in other
trees than that.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from brevetti_hydra.run.git import ask_git

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["IgnoreProbe", "begin_ignored"]

_IGNORED = "git ignores it"
_UNKNOWN = "git does not say whether it ignores it"


class IgnoreProbe:
    """A question that git is answering; `gather` waits for the answer."""

    def __init__(self, trees: dict[str, list[str]], asked: dict[str, str]) -> None:
        """Ask.

        Args:
            trees: Top of a tree -> real paths of files in it.
            asked: File as it was given -> its real path.
        """
        self._asked = asked
        self._trees = trees
        # A letter first: printf takes digits after \0 for octal ones.
        self._mark = f"end{os.urandom(16).hex()}"
        self._pid = 0
        if trees:
            script, arguments = self._script()
            self._pid, self._reader = ask_git(script, *arguments)

    def _script(self) -> tuple[str, list[str]]:
        lines: list[str] = []
        arguments = ["sh"]
        for top, paths in self._trees.items():
            first = len(arguments)
            arguments += [top, *paths]
            names = " ".join(f'"${{{number}}}"' for number in range(first + 1, len(arguments)))
            lines.append(
                f"printf '%s\\0' {names} | git -C \"${{{first}}}\" -c core.fsmonitor=false"
                f" check-ignore -z --stdin; printf '\\0{self._mark} %d\\0' $?\n"
            )
        return "".join(lines), arguments

    def gather(self) -> dict[str, str]:
        """Wait for git.

        Returns:
            Each file that git ignores, or may ignore, with the reason not to keep a copy of it.
        """
        found = self._read()
        reasons: dict[str, str] = {}
        for paths, answer in zip(self._trees.values(), found, strict=True):
            if answer is None:
                reasons |= dict.fromkeys(paths, _UNKNOWN)
            else:
                reasons |= dict.fromkeys(answer, _IGNORED)
        return {file: reasons[path] for file, path in self._asked.items() if path in reasons}

    def _read(self) -> list[list[str] | None]:
        """Read one answer per tree; None where git refused."""
        content = b""
        if self._pid:
            with open(self._reader, "rb") as stream:  # noqa: PTH123 - a descriptor
                content = stream.read()
            with suppress(ChildProcessError):  # the program reaps all its children by itself
                os.waitpid(self._pid, 0)
            self._pid = 0
        answers: list[list[str] | None] = []
        names: list[str] = []
        for field in os.fsdecode(content).split("\0"):
            word, _, code = field.partition(" ")
            if word == self._mark:
                # 0: some are ignored; 1: none is.
                answers.append(names if code in {"0", "1"} else None)
                names = []
            elif field:
                names.append(field)
        return answers + [None] * (len(self._trees) - len(answers))


def begin_ignored(files: Iterable[str]) -> IgnoreProbe:
    """Ask git which files it ignores, and go on at once; files outside of all trees cost nothing.

    Args:
        files: Absolute paths.
    """
    trees: dict[str, list[str]] = {}
    asked: dict[str, str] = {}
    for file in files:
        path = os.path.realpath(file)
        top = _top_of(path)
        if top is not None:
            asked[file] = path
            trees.setdefault(top, []).append(path)
    return IgnoreProbe(trees, asked)


def _top_of(path: str) -> str | None:
    """Find the top of the git tree that holds a file."""
    folder = os.path.dirname(path)  # noqa: PTH120 - texts, for speed
    while True:
        if os.path.lexists(f"{folder}{os.sep}.git"):
            return folder
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return None
        folder = above
