"""Check a whole configuration: every file, every option of every group, every experiment.

How an option is judged (DESIGN.md, "An option is right if a job takes it"):

1. A job's option is composed alone.
2. Another one is composed with the job that its own defaults list chooses; else with each job in
   turn, until one takes it without mistakes: first that of the primary config, then the user's own,
   then those that ship. A group that the job's defaults lists put under another package is chosen
   there.
3. Where no job takes it, the mistakes with the nearest job, which has the fewest, are told.
"""

from __future__ import annotations

import shlex
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._masks import Masking
from brevetti_hydra._text import plural
from brevetti_hydra.config.checking.each_file import Files
from brevetti_hydra.config.checking.findings import (
    Counts,
    Finding,
    Ledger,
    Report,
    Severity,
    file_of,
)
from brevetti_hydra.config.checking.inventory import CheckedFile, Inventory, take_inventory
from brevetti_hydra.config.checking.judging import CHOICE_LABEL, Choice, Judge, Outcome, is_spelled
from brevetti_hydra.config.checking.strays import stray_findings
from brevetti_hydra.config.checking.written import secret_finding
from brevetti_hydra.config.files.defaults_lists import choosing_jobs, named_configs
from brevetti_hydra.config.files.search import shipped_folder
from brevetti_hydra.config.opened import Opened
from brevetti_hydra.config.safety.masks import is_reference, texts_in
from brevetti_hydra.config.tree.origins import MISSING, dotted
from brevetti_hydra.errors import BrevettiHydraError, Place, UnknownSettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from brevetti_hydra.config.command_line.overrides import Request

__all__ = ["check"]

_EXPERIMENTS = ("experiment", "experiments")
# Of launchers that may not even be installed.
_LEFT_ALONE = ("hydra",)
# Other compositions that an option is tried in after all jobs.
_MOST_OTHERS = 5

_Context = tuple[Choice, ...]
_Known = tuple[_Context, Outcome]


def check(
    request: Request,
    *,
    folder: Path,
    base: type,
    check_class: Callable[[type], object],
    jobs: Sequence[str] = (),
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Report:
    """Check everything that a search path holds. Nothing is run, and nothing is written.

    Args:
        request: The line; its overrides are part of every composition.
        folder: Where the command was started.
        base: The class that a job must derive from.
        check_class: Raises where a class cannot be a job.
        jobs: Options of the group `job`, or classes, to judge the other options by; default: all.
        progress: Called now and then with the options done so far, and all of them.

    Raises:
        ConfigError: A named folder or the primary config does not exist, or `hydra.searchpath` is
            wrong.
    """
    return _Check(request, folder, base, check_class, jobs, progress).run()


class _Try(NamedTuple):
    """One composition of an option."""

    choices: _Context
    outcome: Outcome
    mistakes: tuple[BrevettiHydraError, ...]
    is_shipped: bool = False


class _Check:
    """One check, from opening the search path to the report."""

    def __init__(
        self,
        request: Request,
        folder: Path,
        base: type,
        check_class: Callable[[type], object],
        jobs: Sequence[str],
        progress: Callable[[int, int], object],
    ) -> None:
        self._ledger = Ledger()
        self._secrets: list[str] = []
        self._files = Files(self._ledger, self._secrets)
        self._opened = Opened(request, folder, self._files.mend_primary)
        self._search = self._opened.search
        self._inventory: Inventory = take_inventory(self._search, shipped_folder())
        self._own = {file.label for file in self._inventory.files.values() if file.is_own}
        # As for a sweep: a single run would leave out what is about sweeps.
        request = request._replace(flags=request.flags._replace(multirun=True))
        self._request = request
        self._done = 0
        self._judge = Judge(self._opened, request, base, check_class, self._step)
        self._judge.mended = self._files.mended
        self._named_jobs = tuple(jobs)
        self._progress = progress
        self._documents = self._files.documents
        self._preferred: dict[str, _Context] = {}
        self._tries: dict[str, list[_Try]] = {}
        self._choosing: set[str] = set()
        self._contexts: list[_Context] = []
        self._not_judged = 0

    def run(self) -> Report:
        self._files.read(self._opened, self._inventory)
        self._choosing = choosing_jobs(self._documents)
        self._judge_jobs()
        failed = [file for file in self._options() if not self._is_taken(file)]
        for file in failed:
            if not self._is_taken_elsewhere(file):
                self._tell_nearest(file)
        for finding in stray_findings(self._search, self._inventory, self._documents):
            self._ledger.add(finding)
        self._files.tell_the_rest(self._opened, self._inventory)
        if self._not_judged:
            self._ledger.add(_not_judged(self._not_judged))
        return self._ledger.report(self._counts(), Masking(self._secrets))

    def _step(self) -> None:
        self._progress(self._done, len(self._inventory.files))

    # Jobs.

    def _judge_jobs(self) -> None:
        alone = self._judge.outcome()
        own, shipped = self._job_choices()
        self._contexts = [()] if alone.has_job else []
        if not alone.is_jobless:
            self._tell((), alone)
        if any(a.key in {"job", "job._target_"} for a in self._request.arguments):
            own, shipped = [], []
        for choice in own:
            self._done += 1
            outcome = self._judge.outcome(choice)
            if outcome.is_jobless:
                self._tell_jobless(choice)
            self._tell((choice,), outcome)
        chosen = alone.choices.get("job")
        if own and not alone.has_job and not any(self._judge.outcome(c).has_job for c in own):
            # Judged by the jobs that ship, nothing of this project would be right.
            shipped = []
        self._contexts += [(c,) for c in [*own, *shipped] if c.option != chosen]
        if not alone.has_job and not own:
            # The primary config is right if one job takes it.
            tries = [
                _Try(context, outcome, outcome.mistakes)
                for context in self._contexts
                if (outcome := self._judge.outcome(*context)).has_job
            ]
            if tries and all(each.mistakes for each in tries):
                self._tell_mistakes(_nearest(tries), len(tries))

    def _job_choices(self) -> tuple[list[Choice], list[Choice]]:
        if self._named_jobs:
            return [Choice("job", name) for name in self._named_jobs], []
        own: list[Choice] = []
        shipped: list[Choice] = []
        for path, file in self._inventory.files.items():
            if self._is_job(path):
                choice = Choice("job", path.removeprefix("job/"))
                if is_spelled(choice):
                    (own if file.is_own else shipped).append(choice)
        return own, shipped

    def _is_job(self, path: str) -> bool:
        """Tell an option that chooses a job: in a folder below `job`, if it names a class."""
        group = path.rpartition("/")[0]
        if group == "job":
            return True
        tree = self._documents[path].tree
        return group.startswith("job/") and tree.at(("job", "_target_")) is not None

    def _tell_jobless(self, choice: Choice) -> None:
        path = f"job/{choice.option}"
        file = self._inventory.files.get(path)
        if file is None or file.label in self._files.unreadable or path in self._named:
            return
        self._ledger.add(
            Finding(
                "error",
                "no-job-chosen",
                f"'job={choice.option}' names no class",
                Place(file.label),
                hint="name one in it: job._target_: package.module:MyJob",
            )
        )

    @cached_property
    def _named(self) -> set[str]:
        return set(named_configs(self._documents))

    # Options of other groups.

    def _options(self) -> Iterator[CheckedFile]:
        """Give the options that can be judged."""
        for path, file in self._inventory.files.items():
            if not file.is_own or not file.group or self._is_job(path):
                continue
            self._done += 1
            if file.group.partition("/")[0] in _LEFT_ALONE or file.label in self._files.unreadable:
                continue
            if is_spelled(Choice(file.group, file.option)):
                yield file

    def _is_taken(self, file: CheckedFile) -> bool:
        """Compose an option with one job after the other until it is right."""
        choice = Choice(file.group, file.option)
        if self._chooses_job(file):
            outcome = self._judge.outcome(choice)
            self._tries[file.label] = [_Try((choice,), outcome, outcome.mistakes)]
            self._tell_rest(outcome)
            return not outcome.mistakes
        contexts = list(self._contexts)
        preferred = self._preferred.get(file.group)
        if preferred is not None:
            contexts = [preferred, *(c for c in contexts if c != preferred)]
        for context in contexts:
            below = self._judge.outcome(*context)
            if not below.has_job:
                continue
            for key in _keys(file.group, below):
                if self._try(file, (*context, Choice(key, file.option)), below):
                    self._preferred[file.group] = context
                    return True
        return False

    def _try(self, file: CheckedFile, choices: _Context, below: Outcome) -> bool:
        outcome = self._judge.outcome(*choices)
        known = {_key(mistake) for mistake in below.mistakes}
        added = tuple(mistake for mistake in outcome.mistakes if _key(mistake) not in known)
        job = next((choice for choice in choices if choice.key == "job"), None)
        chosen = self._inventory.files.get("/".join(job)) if job is not None else None
        is_shipped = chosen is not None and not chosen.is_own
        self._tries.setdefault(file.label, []).append(_Try(choices, outcome, added, is_shipped))
        if not added:
            self._tell_rest(outcome)
        return not added

    def _chooses_job(self, file: CheckedFile) -> bool:
        """Whether an option brings its job along."""
        if file.config_path not in self._choosing:
            return False
        alone, primary = self._judge.outcome(Choice(file.group, file.option)), self._judge.outcome()
        if alone.is_jobless:
            return False
        return not primary.has_job or alone.choices.get("job") != primary.choices.get("job")

    def _is_taken_elsewhere(self, file: CheckedFile) -> bool:
        """Look where other options' defaults lists put the option, or its group."""
        tries = self._tries.get(file.label, [])
        tried = {each.choices[-1].key for each in tries}
        packages = {p for each in tries for label, p in each.outcome.placed if label == file.label}
        placed, chosen = self._placements
        if placed.get(file.label, set()) - packages:
            # What is wrong with it there, those options' own judgement tells.
            return True
        return any(
            self._try(file, (*choices, Choice(key, file.option)), below)
            for key, found in chosen.get(file.group, {}).items()
            if key not in tried
            for choices, below in found[:_MOST_OTHERS]
            if below.has_job
        )

    @cached_property
    def _placements(self) -> tuple[dict[str, set[str]], dict[str, dict[str, list[_Known]]]]:
        """Give where files were put, and by which keys groups were chosen, in the first round."""
        placed: dict[str, set[str]] = {}
        chosen: dict[str, dict[str, list[_Known]]] = {}
        for choices, outcome in self._judge.outcomes():
            for label, package in outcome.placed:
                placed.setdefault(label, set()).add(package)
            for key in outcome.choices:
                keys = chosen.setdefault(key.partition("@")[0], {})
                keys.setdefault(key, []).append((choices, outcome))
        return placed, chosen

    def _tell_nearest(self, file: CheckedFile) -> None:
        tries = self._tries.get(file.label)
        if not tries:
            self._not_judged += 1
            return
        nearest = _nearest(tries)
        jobs = {choice for each in tries for choice in each.choices[:-1] if choice.key == "job"}
        self._tell_mistakes(nearest, len(jobs))
        self._tell_rest(nearest.outcome)

    # What is told.

    def _tell(self, choices: _Context, outcome: Outcome) -> None:
        self._tell_mistakes(_Try(choices, outcome, outcome.mistakes), 1)
        self._tell_rest(outcome)

    def _tell_mistakes(self, found: _Try, jobs: int) -> None:
        """Tell mistakes, and by which choices they were found, where that goes without saying."""
        note = _found_with(found.choices, jobs)
        option = found.choices[-1] if len(found.choices) == 1 else None
        own = None if option is None else self._inventory.files.get("/".join(option))
        for mistake in found.mistakes:
            if mistake.where is None or mistake.where.label.startswith(CHOICE_LABEL):
                named = None if option is None else Place(f"--job {option.option}")
                mistake.where = named if own is None else Place(own.label)
            is_alone = own is not None and file_of(mistake.where) == own.label
            self._ledger.add_errors([mistake], None if is_alone else note)

    def _tell_rest(self, outcome: Outcome) -> None:
        """Tell what is no mistake: open settings, variables that are not set, secrets."""
        own = self._own
        for error in outcome.open_settings:
            file = file_of(error.where)
            if not file or file in own:
                self._ledger.add(_finding("note", "open-setting", error))
        for variable, error in outcome.unset:
            if file_of(error.where) in own:
                name = dotted(error.key)
                message = f"'{name}' needs the environment variable '{variable}', which is not set"
                found = _finding("warning", "unset-variable", error)
                self._ledger.add(found._replace(message=message, notes=()))
        for secret in outcome.secrets:
            place = secret.origin.place()
            value = secret.value
            if value in (None, "", MISSING) or is_reference(value) or file_of(place) not in own:
                continue
            self._secrets += texts_in(value)
            key = place.excerpt.partition(":")[0].strip().strip("'\"- ") or "it"
            self._ledger.add_secret(secret_finding(key, secret.origin, "is a secret by its type"))

    def _counts(self) -> Counts:
        own = [file for file in self._inventory.files.values() if file.is_own]
        options = [file for file in own if file.group]
        experiments = [f for f in options if f.group.partition("/")[0] in _EXPERIMENTS]
        return Counts(
            len(own) + len(self._inventory.hidden),
            len(options) - len(experiments),
            len(experiments),
            self._judge.compositions,
        )


def _keys(group: str, outcome: Outcome) -> list[str]:
    """Give how a group is chosen: as the defaults lists put it, else by its name."""
    return [key for key in outcome.choices if key.partition("@")[0] == group] or [group]


def _key(error: BrevettiHydraError) -> tuple[str, str, str]:
    return (error.code, error.message, "" if error.where is None else error.where.label)


def _finding(severity: Severity, code: str, error: BrevettiHydraError) -> Finding:
    return Finding(severity, code, error.message, error.where, error.notes, error.hint)


def _not_judged(count: int) -> Finding:
    return Finding(
        "warning",
        "not-judged",
        f"{plural(count, 'option')} of other groups could not be judged: no job can be composed",
        hint="mend the jobs, or name another one: --job package.module:MyJob",
    )


def _nearest(tries: Sequence[_Try]) -> _Try:
    """Find the composition that an option fits best; the first of equals.

    The job that knows the option's keys is meant, however many of their values are wrong; and
    where two know as many, the project's own.
    """

    def distance(one: _Try) -> tuple[int, bool, int]:
        outcome = one.outcome
        unknown = [e for e in one.mistakes if isinstance(e, UnknownSettingError)]
        strange = outcome.doubts + sum(map(outcome.weigh, unknown))
        return strange, one.is_shipped, sum(map(outcome.weigh, one.mistakes))

    return min(tries, key=distance)


def _found_with(choices: _Context, jobs: int) -> str:
    words = " ".join(shlex.quote(f"{choice.key}={choice.option}") for choice in choices)
    if not words:
        return "found with the primary config alone"
    if jobs > 1:
        return f"found with {words}; of {plural(jobs, 'job')} none takes it, this comes nearest"
    return f"found with {words}"
