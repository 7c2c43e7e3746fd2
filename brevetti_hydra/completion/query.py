"""The entry that a shell asks on a TAB: words in, candidates out; silent whatever goes wrong."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from brevetti_hydra.completion.cache import CACHE_VARIABLE, begin_use
from brevetti_hydra.completion.candidate import Place
from brevetti_hydra.completion.commands import complete
from brevetti_hydra.completion.shells import answer_bash, answer_fish, answer_zsh
from brevetti_hydra.completion.typed import module_words, split_line, unquoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.completion.candidate import Candidate

__all__ = ["NOT_OURS", "answer", "main"]

# The exit code for `python` with anything but this package's module.
NOT_OURS = 3

_MODULE = "brevetti_hydra"


def main(argv: Sequence[str]) -> int:
    """Answer one query on stdout.

    Args:
        argv: The shell; `script` or `python`, the kind of program; then for bash the line up to
            the cursor and COMP_WORDBREAKS, for zsh and fish the words, the program first and the
            one that is typed last.

    Returns:
        0; 3 where python is to do something else; 1 where something went wrong.
    """
    try:
        place = Place(os.getcwd(), os.environ, time.time())
        text = _safe_answer(argv, place)
        if text is None:
            return NOT_OURS
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()
        begin_use(place.environ)
    except Exception:  # noqa: BLE001 - nothing may appear in the prompt of the user
        return 1
    return 0


def answer(argv: Sequence[str], place: Place) -> str | None:
    """Give the text that `main` prints; None where python is to do something else."""
    shell, kind, *rest = argv
    if shell == "bash":
        line, breaks = rest
        typed = split_line(line)
        words = _own_words(kind, [word.text for word in typed])
        if words is None:
            return None
        return answer_bash(complete(words[:-1], words[-1], place), typed[-1], breaks)
    if shell == "fish":
        rest[-1] = unquoted(rest[-1])
    own = _own_words(kind, rest)
    if own is None:
        return None
    found: list[Candidate] = complete(own[:-1], own[-1], place)
    return answer_zsh(found) if shell == "zsh" else answer_fish(found)


def _safe_answer(argv: Sequence[str], place: Place) -> str | None:
    try:
        return answer(argv, place)
    except Exception:  # noqa: BLE001 - a cache that somebody damaged, as any JSON, is passed over
        return answer(argv, place._replace(environ=_without_cache(place.environ)))


def _without_cache(environ: Mapping[str, str]) -> dict[str, str]:
    return {**environ, CACHE_VARIABLE: os.devnull}


def _own_words(kind: str, words: list[str]) -> list[str] | None:
    """Give the words after the program; the last is the one that is typed."""
    while len(words) > 1 and _is_assignment(words[0]):
        words = words[1:]
    if kind == "python":
        return module_words(words[1:], _MODULE)
    return words[1:] if len(words) > 1 else None


def _is_assignment(word: str) -> bool:
    """Whether a word sets a variable for the program behind it."""
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()
