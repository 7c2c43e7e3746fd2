"""From a line with `-m` to a planned sweep: every trial composed and validated, then frozen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra import __version__
from brevetti_hydra._clock import SYSTEM_CLOCK, Clock, format_utc
from brevetti_hydra._files import digest_bytes, make_folder, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra.config import Request, compose, find_project, validate
from brevetti_hydra.config.opened import Opened
from brevetti_hydra.config.recorded import recorded_nodes, recorded_tree
from brevetti_hydra.config.secrets import command_words, may_hold_secrets, source_text
from brevetti_hydra.job import Job
from brevetti_hydra.job_class import check_job_class, job_ref
from brevetti_hydra.record import Snapshot
from brevetti_hydra.run.folders import new_run_id, runs_root
from brevetti_hydra.settings import ReservedNodes
from brevetti_hydra.sweep.axes import read_axes
from brevetti_hydra.sweep.code import CodeRecord, gather_code
from brevetti_hydra.sweep.folders import SweepFolder, trial_name
from brevetti_hydra.sweep.hydra_options import read_hydra_launcher
from brevetti_hydra.sweep.opened import OpenSweep
from brevetti_hydra.sweep.record import (
    Frozen,
    Objective,
    PlannedTrial,
    SourceText,
    SweepRecord,
    trial_key,
)
from brevetti_hydra.sweep_nodes import LauncherNode, SearchNode, SweepNode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from brevetti_hydra.config import Argument, Composition, Validated
    from brevetti_hydra.sweep.axes import Axes

__all__ = ["SweepPlan", "plan_sweep", "write_sweep"]

_OF_SWEEPS: dict[str, type[Any]] = {
    "sweep": SweepNode,
    "search": SearchNode,
    "launcher": LauncherNode,
}


class SweepPlan(NamedTuple):
    """A sweep that is valid, and not written yet.

    Attributes:
        folder: Where it will lie.
        record: What it is.
        trials: Its trials.
        bases: The composed configurations, by digest.
        code: The files that its jobs consist of.
        start_folder: Where the command was started.
    """

    folder: SweepFolder
    record: SweepRecord
    trials: list[PlannedTrial]
    bases: dict[str, Frozen]
    code: CodeRecord
    start_folder: Path


def plan_sweep(
    request: Request, *, folder: Path, command: Sequence[str], clock: Clock = SYSTEM_CLOCK
) -> SweepPlan:
    """Compose and validate every trial of a line; nothing is written.

    Args:
        request: The command line, read.
        folder: Where it was started.
        command: The command line for the record.
        clock: Tells the time.

    Raises:
        ConfigError: The configuration is wrong.
        JobClassError: The job cannot be loaded.
    """
    opened = Opened(request, folder)
    axes = read_axes(request, opened.search.repository.get_group_options, opened.project.budget)

    def compose_line(arguments: Sequence[Argument]) -> Composition:
        own = request._replace(arguments=(*arguments, *axes.of_sweep))
        composition = compose(own, folder=folder, base=Job, opened=opened)
        check_job_class(composition.job_class)
        return composition

    def freeze(composition: Composition, validated: Validated) -> Frozen:
        return _freeze(composition, validated, folder, request)

    first = compose_line(axes.first().arguments)
    nodes = _take_nodes(first)
    start = _Start(request, folder, command, clock.now())
    if nodes["search"].kind == "optuna":
        return _plan_search(start, axes, first, nodes, opened, compose_line, freeze)
    trials: list[PlannedTrial] = []
    bases: dict[str, Frozen] = {}
    shown: tuple[Composition, Validated] | None = None
    classes: dict[str, type[Job]] = {}
    for point in axes:
        composition = compose_line(point.arguments)
        nodes = _take_nodes(composition)
        validated = validate(composition)
        shown = shown or (composition, validated)
        classes[composition.target] = composition.job_class
        frozen = freeze(composition, validated)
        digest = digest_bytes(json_bytes(frozen))[:16]
        bases.setdefault(digest, frozen)
        run_id = new_run_id()
        trials.append(
            PlannedTrial(
                number=len(trials),
                key=_key(composition, validated, 0),
                run_id=run_id,
                folder=trial_name(len(trials), composition.job_name, run_id),
                job=composition.job_name,
                base=digest,
                values=[],
                varied={key: each.value for key, each in point.varied.items()},
                overrides=[argument.shown for argument in composition.arguments],
                repeat=0,
                seed=validated.run.seed,
            )
        )
    if shown is None:
        message = "a line without trials"
        raise ValueError(message)
    jobs = dict.fromkeys(trial.job for trial in trials)
    code = gather_code(classes.values(), find_project(folder))
    varied = tuple(dict.fromkeys(key for trial in trials for key in trial.varied))
    record = _record(start, shown[0], nodes, tuple(jobs), code).model_copy(
        update={"varied": varied, "trials": len(trials)}
    )
    return SweepPlan(_folder(record, shown[1]), record, trials, bases, code, folder)


def _plan_search(
    start: _Start,
    axes: Axes,
    first: Composition,
    nodes: Mapping[str, Any],
    opened: Opened,
    compose_line: Callable[[Sequence[Argument]], Composition],
    freeze: Callable[[Composition, Validated], Frozen],
) -> SweepPlan:
    """Plan a sweep that asks for its points while it runs: it has no trials yet."""
    # Imported here: most sweeps search for nothing.
    from brevetti_hydra.sweep.search.planning import check_search, plan_search

    objectives = _objectives(nodes["sweep"], first.job_class)
    check_search(axes, nodes["search"], nodes["sweep"], objectives)

    def compose_point(arguments: Sequence[Argument]) -> Composition:
        composition = compose_line(arguments)
        _take_nodes(composition)
        return composition

    found = plan_search(
        axes,
        first,
        nodes["search"],
        is_group=opened.search.repository.group_exists,
        compose_line=compose_point,
        validate=validate,
        freeze=freeze,
    )
    composition, validated = found.first
    code = gather_code(found.classes.values(), find_project(start.folder))
    jobs = tuple(dict.fromkeys(stem.job for stem in found.stems))
    record = _record(start, composition, nodes, jobs, code).model_copy(
        update={
            "varied": axes.keys,
            "trials": found.trials,
            "search": nodes["search"].model_dump(mode="json"),
            "space": found.outline.space.as_json(),
            "line": found.outline.line,
            "stems": found.stems,
        }
    )
    return SweepPlan(_folder(record, validated), record, [], found.bases, code, start.folder)


class _Start(NamedTuple):
    """How a sweep was started."""

    request: Request
    folder: Path
    command: Sequence[str]
    now: float


def _record(
    start: _Start,
    composition: Composition,
    nodes: Mapping[str, Any],
    jobs: tuple[str, ...],
    code: CodeRecord,
) -> SweepRecord:
    sweep_id = new_run_id()
    runs = SweepFolder.named(Path(), "-".join(jobs), sweep_id, start.now)
    return SweepRecord(
        sweep_id=sweep_id,
        folder=runs.name,
        created=format_utc(start.now),
        command=tuple(command_words(start.command, composition)),
        overrides=tuple(argument.shown for argument in start.request.arguments),
        start_folder=os.fspath(start.folder),
        jobs=jobs,
        varied=(),
        trials=None,
        objectives=_objectives(nodes["sweep"], composition.job_class),
        sweep=nodes["sweep"].model_dump(mode="json"),
        launcher=nodes["launcher"].model_dump(mode="json"),
        hydra_launcher=read_hydra_launcher(composition.hydra.tree, nodes["launcher"]),
        code_sha256=code.sha256,
        harness=__version__,
    )


def _folder(record: SweepRecord, validated: Validated) -> SweepFolder:
    return SweepFolder(runs_root(validated.run.root) / record.folder)


def _take_nodes(composition: Composition) -> dict[str, Any]:
    nodes = {}
    for name, model in _OF_SWEEPS.items():
        written = composition.written.at((name,))
        nodes[name] = model.model_validate(written.plain() if written is not None else {})
        for tree in (composition.written, composition.filled):
            (tree.children or {}).pop(name, None)
    return nodes


def _objectives(node: SweepNode, job_class: Any) -> tuple[Objective, ...]:
    names = node.objective if node.objective is not None else job_class.objective
    names = [names] if isinstance(names, str) else list(names or [])
    ways = node.direction if node.direction is not None else job_class.direction
    ways = [ways] * len(names) if isinstance(ways, str) else list(ways)
    return tuple(Objective(name=name, direction=way) for name, way in zip(names, ways, strict=True))


def _freeze(
    composition: Composition, validated: Validated, folder: Path, request: Request
) -> Frozen:
    return Frozen(
        job=job_ref(composition, "target"),
        inputs=Snapshot(
            config=recorded_tree(composition),
            origins=composition.origins(),
            choices=composition.choices,
            config_version=composition.versions,
            start_folder=os.fspath(folder),
            environment={},
        ),
        sources=tuple(
            SourceText(
                label=document.label,
                text=source_text(document, composition),
                is_compared=not may_hold_secrets(composition.shape()),
            )
            for document in composition.documents
            if document.text
        ),
        job_dir=request.container.get("job_dir"),
        cache_path=request.container.get("cache_path"),
        warnings=(*composition.notices, *validated.warnings),
    )


def _key(composition: Composition, validated: Validated, repeat: int) -> str:
    """Give the key of a trial: which point it is, whatever its seed and wherever its folder."""
    nodes = recorded_nodes(
        composition, ReservedNodes(validated.job, validated.platform, validated.run)
    )
    job = nodes.job.model_dump(mode="json")
    return trial_key(composition.target, validated.settings_json, job, repeat)


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
        write_whole(folder.base(digest), json_bytes(frozen), point="config.written", durable=False)
    write_whole(
        folder.code, json_bytes(plan.code, indent=1) + b"\n", point="code.written", durable=False
    )
    lines = b"".join(trial.line() for trial in plan.trials)
    write_whole(folder.plan, lines, point="plan.written", durable=True)
    content = json_bytes(plan.record, indent=1) + b"\n"
    write_whole(folder.record, content, point="sweep.written", durable=True)
    return OpenSweep(folder, plan.record, plan.trials)
