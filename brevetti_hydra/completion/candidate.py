"""What may stand in the place of a word, and where all of it is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Candidate", "Node", "Place", "matching"]

# A place of a settings tree, as `describe` writes it down:
#   type, bounds, default, text     for a reader, each a text or missing
#   values                          texts that can be listed: of enums, booleans, null
#   keys                            known keys and their nodes
#   tag, variants                   of a union: the key that chooses, and what each value brings
#   value                           of a mapping with open keys: what its values are
#   path                            "file" or "folder" where a path is expected
#   secret, required                true or missing
Node = dict[str, Any]


class Candidate(NamedTuple):
    """One possible word.

    Attributes:
        text: The whole word, unquoted.
        about: One line on it, for shells that show one.
        is_open: Whether more of the same word follows, so that no blank is added.
    """

    text: str
    about: str = ""
    is_open: bool = False


class Place(NamedTuple):
    """Where a line is typed.

    Attributes:
        folder: The working directory, absolute.
        environ: The variables of the environment.
        now: The time of day, in seconds since 1970 UTC.
    """

    folder: str
    environ: Mapping[str, str]
    now: float


def matching(candidates: list[Candidate], typed: str) -> list[Candidate]:
    """Keep those that begin as the word does, each once, in order."""
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        if candidate.text.startswith(typed) and "\0" not in candidate.text:
            found.setdefault(candidate.text, candidate)
    return list(found.values())
