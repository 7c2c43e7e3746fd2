"""From a line with `-m` to a planned sweep: every trial composed and validated, then frozen."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra import __version__
from brevetti_hydra._clock import SYSTEM_CLOCK, Clock, format_utc
from brevetti_hydra._files import make_folder, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra._masks import Masking
from brevetti_hydra._text import plural
from brevetti_hydra.config import find_project, validate
from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.command_line.overrides import Argument
from brevetti_hydra.config.opened import Opened
from brevetti_hydra.config.recorded import recorded_at
from brevetti_hydra.config.safety.credentials import known_keys, with_api_key
from brevetti_hydra.config.secrets import command_words
from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors, InvalidSettingError
from brevetti_hydra.opening import read_info, refuse_remote, refuse_unknown_id
from brevetti_hydra.run.folders import new_run_id, runs_root
from brevetti_hydra.sweep.code import CodeRecord, gather_code, write_code
from brevetti_hydra.sweep.folders import SweepFolder, trial_name
from brevetti_hydra.sweep.opened import OpenSweep
from brevetti_hydra.sweep.planning.composing import Composed, Composer, Mistakes
from brevetti_hydra.sweep.planning.freezing import Bases, key_of
from brevetti_hydra.sweep.planning.head import Head, read_head
from brevetti_hydra.sweep.planning.hydra_options import read_hydra_launcher
from brevetti_hydra.sweep.planning.shared import check_shared, trial_command
from brevetti_hydra.sweep.record import Frozen, Objective, PlannedTrial, SweepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from brevetti_hydra.config import Request
    from brevetti_hydra.job import Job
    from brevetti_hydra.sweep.planning.axes import Axes, Point
    from brevetti_hydra.sweep_nodes import SweepNode

__all__ = ["SweepPlan", "plan_sweep", "write_sweep"]

_MOST_SEED = 2**32
# Names in the sweep's folder, and points in a notice, before it says that there are more.
_MOST_NAMES, _MOST_TOLD = 3, 5


class SweepPlan(NamedTuple):
    """A sweep that is valid, and not written yet.

    Attributes:
        folder: Where it will lie.
        record: What it is.
        trials: Its trials.
        bases: The composed configurations, by digest.
        code: The files that its jobs consist of.
        start_folder: Where the command was started.
        notices: What its user is to be told.
        secrets: Arguments that no file of it holds; whoever runs its trials is handed them.
    """

    folder: SweepFolder
    record: SweepRecord
    trials: list[PlannedTrial]
    bases: dict[str, Frozen]
    code: CodeRecord
    start_folder: Path
    notices: tuple[str, ...] = ()
    secrets: tuple[Argument, ...] = ()


def plan_sweep(
    request: Request,
    *,
    folder: Path,
    command: Sequence[str],
    clock: Clock = SYSTEM_CLOCK,
    on_planned: Callable[[int, int], None] | None = None,
) -> SweepPlan:
    """Compose and validate every trial of a line; nothing is written.

    Args:
        request: The command line, read.
        folder: Where it was started.
        command: The command line for the record.
        clock: Tells the time.
        on_planned: Told of each trial that was looked at: how many there are by now, of how many.

    Raises:
        ConfigErrors: The configuration of the sweep or of trials is wrong; all mistakes are in it,
            each with the trials that it is of.
        ConfigError: What varies cannot be read.
        JobClassError: The job cannot be loaded.
        PlatformError: What was asked for needs the remote platform.
        UsageError: The line holds what a single run alone can have.
    """
    request = with_api_key(request)
    refuse_remote(request)
    check_shared(request)
    try:
        return _Planner(request, folder, on_planned).plan(command, clock)
    except BrevettiHydraError as error:
        Masking(known_keys(request)).error(error)
        raise


class _Planner:
    """Plans one sweep."""

    def __init__(
        self, request: Request, folder: Path, on_planned: Callable[[int, int], None] | None
    ) -> None:
        self._request = request
        self._on_planned = on_planned
        self._folder = folder
        self._opened = Opened(request, folder)
        self._info = read_info(request, folder)
        self._composer = Composer(request, self._opened, self._info)
        self._bases = Bases(request, folder)
        self._trials: list[PlannedTrial] = []
        self._first: Composed | None = None
        self._classes: dict[str, type[Job]] = {}
        self._seeds: dict[int, Argument] = {}
        # The trials by what they are, and how many there are of each content.
        self._known: dict[tuple[str, bytes, int], int] = {}
        self._contents: Counter[str] = Counter()
        self._doubles: list[tuple[str, int]] = []

    def plan(self, command: Sequence[str], clock: Clock) -> SweepPlan:
        head = read_head(self._request, self._opened, self._info)
        self._bases.share(part for part in head.axes.parts if isinstance(part, Argument))
        if head.search.kind == "optuna":
            return self._plan_search(head, command, clock)
        self._plan_trials(head)
        if self._first is None:
            message = "a sweep has a point"
            raise ValueError(message)
        record = self._record(head, [trial.job for trial in self._trials], command, clock)
        record = record.model_copy(update={"trials": len(self._trials)})
        return self._planned(head, record, self._first, self._bases.frozen)

    def _plan_search(self, head: Head, command: Sequence[str], clock: Clock) -> SweepPlan:
        """Plan a sweep that asks for its points while it runs: it has no trials yet."""
        # Imported here: most sweeps search for nothing.
        from brevetti_hydra.sweep.search.planning import check_search, plan_search

        if head.problems:
            raise ConfigErrors(head.problems)
        job_class = head.composition.job_class
        objectives = _objectives(head.sweep, [job_class])
        check_search(head.axes, head.search, head.sweep, objectives)
        found = plan_search(
            head.axes,
            self._composer.compose_alone(head.axes.first().arguments),
            head.search,
            is_group=self._opened.search.repository.group_exists,
            compose_line=self._composer.compose_alone,
            validate=validate,
            freeze=self._bases.freeze,
        )
        first = Composed(*found.first, 0)
        self._classes = dict(found.classes)
        record = self._record(head, [stem.job for stem in found.stems], command, clock)
        record = record.model_copy(
            update={
                "trials": found.trials,
                "search": head.search.model_dump(mode="json"),
                "space": found.outline.space.as_json(),
                "line": found.outline.line,
                "stems": found.stems,
            }
        )
        return self._planned(head, record, first, found.bases)

    def _record(
        self, head: Head, jobs: Sequence[str], command: Sequence[str], clock: Clock
    ) -> SweepRecord:
        sweep_id, now = new_run_id(), clock.now()
        names = tuple(dict.fromkeys(jobs))
        folder = SweepFolder.named(Path(), "-".join(names[:_MOST_NAMES]), sweep_id, now)
        head.hide_axes()
        return SweepRecord(
            sweep_id=sweep_id,
            folder=folder.name,
            created=format_utc(now),
            command=tuple(command_words(command, head.composition)),
            trial_command=trial_command(command, self._request),
            overrides=tuple(argument.shown for argument in self._request.arguments),
            start_folder=os.fspath(self._folder),
            jobs=names,
            varied=head.axes.keys,
            trials=None,
            objectives=_objectives(head.sweep, [*self._classes.values()]),
            sweep=head.sweep.model_dump(mode="json"),
            launcher=head.launcher.model_dump(mode="json"),
            hydra_launcher=read_hydra_launcher(head.composition.hydra.tree, head.launcher),
            code_sha256="",
            harness=__version__,
        )

    def _planned(
        self, head: Head, record: SweepRecord, first: Composed, bases: dict[str, Frozen]
    ) -> SweepPlan:
        code = gather_code(self._classes.values(), find_project(self._folder))
        record = record.model_copy(update={"code_sha256": code.sha256})
        refuse_unknown_id(self._request, first.validated)
        folder = SweepFolder(runs_root(first.validated.run.root) / record.folder)
        notices = (*head.composition.notices, *self._told_doubles())
        secrets = tuple(self._bases.secrets.values())
        return SweepPlan(folder, record, self._trials, bases, code, self._folder, notices, secrets)

    def _plan_trials(self, head: Head) -> None:
        """Plan every trial; where one is wrong, look at the others as well, and tell of all.

        Raises:
            ConfigErrors: Something is wrong.
        """
        mistakes, number = Mistakes(), 0
        expected = head.axes.count * head.sweep.repeat
        for point in head.axes:
            seed: int | None = None
            for index in range(head.sweep.repeat):
                try:
                    composed = self._composer.compose(self._repeated(point, seed, index))
                    seed = composed.validated.run.seed if index == 0 else seed
                    self._add(composed, point, index, head.axes)
                except BrevettiHydraError as error:
                    mistakes.add(number, list(point.varied.values()), error)
                    number += 1
                    break
                number += 1
            if self._on_planned is not None:
                self._on_planned(number, expected)
            if mistakes.are_enough:
                break
        if mistakes.count or head.problems:
            raise mistakes.error(head.problems, number)

    def _repeated(self, point: Point, seed: int | None, index: int) -> tuple[Argument, ...]:
        if not index or seed is None:
            return point.arguments
        seed = (seed + index) % _MOST_SEED
        if seed not in self._seeds:
            budget = self._opened.project.budget
            self._seeds[seed] = Argument(f"run.seed={seed}", "sweep.repeat", budget)
        return (*point.arguments, self._seeds[seed])

    def _add(self, composed: Composed, point: Point, index: int, axes: Axes) -> None:
        composition, run = composed.composition, composed.validated.run
        self._first = self._first or composed
        self._classes.setdefault(composition.target, composition.job_class)
        laid = self._bases.lay(composed)
        overrides = [argument.word for argument in composition.arguments]
        # Without a seed, repeats are trials of their own although nothing tells them apart.
        which = index if run.seed is None else 0
        first_key = key_of(composed, 0)
        same = self._known.setdefault((first_key, json_bytes(run), which), len(self._trials))
        if same < len(self._trials):
            self._doubles.append((" ".join(each.shown for each in point.varied.values()), same))
            return
        repeat = self._contents[first_key]
        self._contents[first_key] += 1
        run_id = new_run_id()
        self._trials.append(
            PlannedTrial(
                number=len(self._trials),
                key=key_of(composed, repeat) if repeat else first_key,
                run_id=run_id,
                folder=trial_name(len(self._trials), composition.job_name, run_id),
                job=composition.job_name,
                base=laid.base,
                values=laid.values,
                varied=dict(_varied(composed, point, axes)),
                overrides=overrides,
                repeat=repeat,
                seed=run.seed,
            )
        )

    def _told_doubles(self) -> Iterator[str]:
        if not self._doubles:
            return
        told = ", ".join(
            f"{line or 'a repeat'} (as trial {same})" for line, same in self._doubles[:_MOST_TOLD]
        )
        left = len(self._doubles) - _MOST_TOLD
        more = f" and {left} more" if left > 0 else ""
        points = plural(len(self._doubles), "point")
        yield f"{points} of the sweep left out, being the same as others: {told}{more}"


def _varied(composed: Composed, point: Point, axes: Axes) -> Iterator[tuple[str, Any]]:
    """Give what differs between trials, as this one has it."""
    composition = composed.composition
    for key in axes.keys:
        argument = point.varied.get(key)
        path = split_text(key) or ()
        if key in composition.choices:
            yield key, composition.choices[key]
        elif composition.filled.at(path) is not None:
            hidden = composition.resolution.from_environment
            resolved = composition.resolution.values
            is_open = path in resolved and path not in hidden
            yield key, resolved[path] if is_open else recorded_at(composition, path)
        elif argument is not None:
            yield key, argument.shown.partition("=")[2]


def _objectives(node: SweepNode, classes: Sequence[type[Job]]) -> tuple[Objective, ...]:
    """Give what a sweep optimises; jobs that differ in that are compared by nothing."""
    wanted = {(each.objective, each.direction) for each in classes}
    own, way = wanted.pop() if len(wanted) == 1 else (None, "minimize")
    names = node.objective if node.objective is not None else own
    names = [names] if isinstance(names, str) else list(names or [])
    ways = node.direction if node.direction is not None else way
    ways = [ways] * len(names) if isinstance(ways, str) else list(ways)
    if len(ways) != len(names):
        found = f"{plural(len(ways), 'value')} for {plural(len(names), 'objective')}"
        raise InvalidSettingError(
            f"'sweep.direction' has {found}",
            key=("sweep", "direction"),
            notes=[f"the objectives are {', '.join(map(repr, names)) or 'none'}"],
            hint="give one for all, or as many as there are objectives",
        )
    return tuple(Objective(name=name, direction=way) for name, way in zip(names, ways, strict=True))


def write_sweep(plan: SweepPlan) -> OpenSweep:
    """Freeze a plan in its folder; the sweep is one when its record stands there.

    Raises:
        StorageWriteError: The folder cannot be written.
    """
    folder = plan.folder
    root = folder.runs_root
    if not root.is_dir():
        make_folder(root, point="root.made")
        write_whole(root / ".gitignore", b"*\n", point="root.ignored", durable=False)
    make_folder(folder.root, point="folder.made", exist_ok=False)
    make_folder(folder.bases_dir, point="folder.made")
    for digest, frozen in plan.bases.items():
        write_whole(folder.base(digest), json_bytes(frozen), point="config.written", durable=True)
    write_code(folder, plan.code)
    lines = b"".join(trial.line() for trial in plan.trials)
    write_whole(folder.plan, lines, point="plan.written", durable=True)
    content = json_bytes(plan.record, indent=1) + b"\n"
    write_whole(folder.record, content, point="sweep.written", durable=True)
    return OpenSweep(folder, plan.record, plan.trials)
