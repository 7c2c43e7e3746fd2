"""Candidates for a whole line: the command, its options and words, or a run's line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra.completion.candidate import Candidate, matching
from brevetti_hydra.completion.files import path_candidates
from brevetti_hydra.completion.overrides import RunLine
from brevetti_hydra.completion.runs import run_candidates, sweep_candidates, tag_candidates
from brevetti_hydra.completion.tables import shipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.completion.candidate import Place

__all__ = ["complete"]

# They may stand before the command.
_LEADING = frozenset({"--json", "--json=document", "--json=lines", "--traceback"})

# What the flags of a run's line and the container arguments take; a test looks that the reader of
# the line takes it too.
_TOPICS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_FLAG_VALUES = {
    "--json=": ("document", "lines"),
    "-c": ("job", "hydra", "all"),
    "--cfg": ("job", "hydra", "all"),
    "-i": _TOPICS,
    "--info": _TOPICS,
}
_OPTIONAL_VALUES = frozenset({"-i", "--info"})
_FOLDER_FLAGS = frozenset(
    {"-cp", "--config-path", "-cd", "--config-dir", "--job_dir", "--cache_path", "--root", "--out"}
)
_FILE_FLAGS = frozenset({"--info_file"})
_NAME_FLAGS = frozenset({"-cn", "--config-name"})
_PACKAGE_FLAGS = frozenset({"-p", "--package"})
_MUTE_FLAGS = frozenset(
    {"--api_key", "--job_id", "--model_id", "--test_id", "--host", "--data_bucket"}
)
# Of a command that takes a run's line these say nothing: it prints its own, and begins no run.
_RUN_FLAGS = frozenset(
    {
        *("-h", "--help", "--version", "--debug", "-c", "--cfg", "--resolve", "-p", "--package"),
        *("-i", "--info", "--job_dir", "--cache_path", "--job_id", "--api_key"),
    }
)
_CONTAINER = {
    "--info_file": "the job's info.json: settings, datasets, tags",
    "--job_dir": "the folder of its storage space, in the place of the run's own",
    "--cache_path": "where copies of remote files are kept",
    "--job_id": "an existing job",
    "--api_key": "the key that goes with it",
}
_FOLDER_KINDS = frozenset({"DIR", "FOLDER"})
_FILE_KINDS = frozenset({"PATH", "FILE", "PATHS", "FILES"})


def complete(words: Sequence[str], typed: str, place: Place) -> list[Candidate]:
    """Give what the word that is typed may become.

    Args:
        words: The words before it, without the program, unquoted.
        typed: The word so far, unquoted.
        place: Where the line is typed.
    """
    return matching(_Line(words, typed, place).candidates(), typed)


class _Line:
    def __init__(self, words: Sequence[str], typed: str, place: Place) -> None:
        self._typed = typed
        self._place = place
        self._document = shipped()
        self._commands: dict[str, Any] = self._document["commands"]
        first = next((i for i, word in enumerate(words) if word not in _LEADING), len(words))
        self._words = list(words[first:])
        self._is_first = not self._words

    def candidates(self) -> list[Candidate]:
        if self._is_first:
            return [*self._first_words(), *self._run_line(self._words)]
        name = self._words[0]
        seconds = [each for each in self._commands if each.startswith(f"{name} ")]
        if seconds and name not in self._commands:
            if len(self._words) == 1:
                return [
                    Candidate(each.partition(" ")[2], self._commands[each]["about"])
                    for each in seconds
                ]
            name = f"{name} {self._words[1]}"
        command = self._commands.get(name)
        if command is not None:
            return self._command(name, command, self._words[name.count(" ") + 1 :])
        return self._run_line(self._words)

    def _first_words(self) -> list[Candidate]:
        found = []
        for name, command in self._commands.items():
            first, blank, _ = name.partition(" ")
            about = command["about"]
            if blank:
                seconds = [n.partition(" ")[2] for n in self._commands if n.startswith(f"{first} ")]
                about = ", ".join(seconds)
            found.append(Candidate(first, about))
        return found

    def _run_line(self, words: Sequence[str]) -> list[Candidate]:
        line = RunLine(words, self._place, self._document)
        found = self._on_run_line(line, words)
        line.conf.keep()
        return found

    def _on_run_line(self, line: RunLine, words: Sequence[str]) -> list[Candidate]:
        typed = self._typed
        last = words[-1] if words else ""
        if last.startswith("-") and "=" not in last and not typed.startswith("-"):
            found = self._flag_values(line, last, "", typed)
            if found is not None:
                more = line.words(typed) if last in _OPTIONAL_VALUES else []
                return [*found, *more]
        if not typed.startswith("-"):
            return line.words(typed)
        name, equals, value = typed.partition("=")
        if equals:
            return self._flag_values(line, name, f"{name}=", value) or []
        return [*self._flags(), *(line.keys(typed[2:], sign="--") if typed[:2] == "--" else [])]

    def _flag_values(
        self, line: RunLine, name: str, before: str, typed: str
    ) -> list[Candidate] | None:
        """Give the values of a flag or of `--key`; None where it takes none."""
        choices = _FLAG_VALUES.get(f"{name}=" if before else name) or _FLAG_VALUES.get(name)
        if choices is not None and (before or name != "--json"):
            return [Candidate(before + choice) for choice in choices]
        if name in _FOLDER_FLAGS | _FILE_FLAGS:
            is_folder = name in _FOLDER_FLAGS
            return path_candidates(before, typed, self._place, folders_only=is_folder)
        if name in _NAME_FLAGS:
            return [each._replace(text=before + each.text) for each in line.primary_names()]
        if name in _PACKAGE_FLAGS:
            return [each._replace(text=before + each.text) for each in line.package_names(typed)]
        if name in _MUTE_FLAGS:
            return []
        if name.startswith("--") and line.knows(name[2:]):
            return line.values(before, name[2:], typed)
        return None

    def _flags(self) -> list[Candidate]:
        found = []
        for names, about in self._document["flags"].items():
            # `-cn, --config-name NAME`
            found += [Candidate(name.split()[0], about) for name in names.split(", ")]
        return [*found, *(Candidate(name, about) for name, about in _CONTAINER.items())]

    def _command(self, name: str, command: dict[str, Any], words: Sequence[str]) -> list[Candidate]:
        taking = {n: o for o in command["options"] if o["kind"] for n in o["names"]}
        last = words[-1] if words else ""
        if last in taking and not self._typed.startswith("--"):
            return self._of_kind(taking[last], "", self._typed, words)
        option, equals, value = self._typed.partition("=")
        if equals and option in taking:
            return self._of_kind(taking[option], f"{option}=", value, words)
        bare = _bare_words(words, taking)
        expected = command["words"][len(bare) :] or command["words"][-1:]
        if len(bare) >= len(command["words"]):
            expected = [each for each in expected if each["is_repeated"]]
        found: list[Candidate] = []
        if self._typed.startswith("-"):
            found += [Candidate(n, o["about"]) for o in command["options"] for n in o["names"]]
        if expected:
            found += self._of_kind(expected[0], "", self._typed, words)
        if command["takes_line"]:
            found += [c for c in self._run_line(words) if c.text not in _RUN_FLAGS]
        if command["takes_keys"] and not self._typed.startswith("-"):
            line = RunLine(words, self._place, self._document)
            found += line.keys(self._typed, is_bare=True)
        given = set(words) if name == "rm" else set()
        return [each for each in found if each.text not in given]

    def _of_kind(
        self, option: dict[str, Any], before: str, typed: str, words: Sequence[str]
    ) -> list[Candidate]:
        """Give the values of a command's option or word, by what its help calls it."""
        kind = option["kind"]
        if option["choices"]:
            return [Candidate(before + choice) for choice in option["choices"]]
        if kind in {"RUN", "SWEEP"}:
            return self._recorded(kind, before, typed, words)
        if kind == "+TAG|-TAG":
            run = next((word for word in words if word[:1] not in {"-", "+"}), "")
            return tag_candidates(run, _root(words), self._place)
        if kind in _FOLDER_KINDS or kind in _FILE_KINDS:
            found = path_candidates(before, typed, self._place, folders_only=kind in _FOLDER_KINDS)
            # What a command calls PATH is configuration.
            is_wanted = (".yaml", "/") if kind == "PATH" else ""
            return [each for each in found if each.text.endswith(is_wanted)]
        if "--job" in option["names"]:
            names = RunLine(words, self._place, self._document).job_names()
            return [each._replace(text=before + each.text) for each in names]
        return []

    def _recorded(
        self, kind: str, before: str, typed: str, words: Sequence[str]
    ) -> list[Candidate]:
        """Give runs or sweeps; `show` takes both."""
        if "/" in typed or typed.startswith("."):
            return path_candidates(before, typed, self._place, folders_only=True)
        found = []
        if kind == "RUN":
            found += run_candidates(typed, _root(words), self._place)
        if kind == "SWEEP" or self._words[0] == "show":
            found += sweep_candidates(typed, _root(words), self._place)
        once = {each.text: each for each in reversed(found)}
        return [each._replace(text=before + each.text) for each in found if each is once[each.text]]


def _bare_words(words: Sequence[str], taking: dict[str, Any]) -> list[str]:
    """Give the words that are neither options nor their values."""
    found = []
    is_value = False
    for word in words:
        if is_value:
            is_value = False
        elif word in taking:
            is_value = True
        elif not word.startswith("-"):
            found.append(word)
    return found


def _root(words: Sequence[str]) -> str | None:
    root = None
    for index, word in enumerate(words):
        if word == "--root" and index + 1 < len(words):
            root = words[index + 1]
        elif word.startswith("--root="):
            root = word.partition("=")[2]
    return root
