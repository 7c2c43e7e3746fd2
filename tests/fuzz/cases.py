"""One case: the files of a project's configuration, a command line, and what they ended in."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KINDS", "Case", "Ending", "Failure"]

# What was mutated; the others are as good as they came.
KINDS = ("yaml", "override", "info")


class Case(NamedTuple):
    """What a stranger hands over.

    Attributes:
        kind: What was mutated.
        files: Path in the project -> content; a path that is not here is not there, either.
        argv: The words of the command line.
        is_sent_alone: Whether nothing but info.json can ask for the environment.
        turn: Its number, which says which of many questions are asked.
    """

    kind: str
    files: dict[str, bytes]
    argv: list[str]
    is_sent_alone: bool = False
    turn: int = 0

    def write(self, folder: Path) -> None:
        """Save the case: readable files, and `case.json` from which `read` gets all of it."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "kind": self.kind,
            "argv": [base64.b85encode(_bytes(word)).decode() for word in self.argv],
            "files": {n: base64.b85encode(content).decode() for n, content in self.files.items()},
            "is_sent_alone": self.is_sent_alone,
            "turn": self.turn,
            "shown": [word if len(word) < 300 else f"{word[:300]}..." for word in self.argv],
        }
        (folder / "case.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
        for name, content in self.files.items():
            path = folder / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    @classmethod
    def read(cls, folder: Path) -> Case:
        """Read a saved case."""
        document = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        return cls(
            document["kind"],
            {name: base64.b85decode(text) for name, text in document["files"].items()},
            [base64.b85decode(t).decode("utf-8", "surrogatepass") for t in document["argv"]],
            document["is_sent_alone"],
            document["turn"],
        )


class Failure(NamedTuple):
    """What must not happen, and did.

    Attributes:
        way: Where: `open`, `--cfg job`, ...
        fault: What: `exception`, `slow`, `memory`, `written`, ...
        text: More about it, a traceback for instance.
    """

    way: str
    fault: str
    text: str


class Ending(NamedTuple):
    """What became of a case.

    Attributes:
        codes: Way -> error code, or "" where it ended in a result.
        signatures: What was said, without the words of the case: new ones show new code.
        cpu_s: The slowest way, in seconds of processor time.
        slowest: The way that it was.
        growth_bytes: The most memory beyond what was used before.
        failures: What must not happen.
        is_spent: Whether the worker has grown so much that it is to be replaced.
    """

    codes: dict[str, str]
    signatures: frozenset[str]
    cpu_s: float
    slowest: str
    growth_bytes: int
    failures: tuple[Failure, ...]
    is_spent: bool = False


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")
