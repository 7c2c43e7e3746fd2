"""From a line with `-m` to a planned sweep: every trial composed and validated, then frozen."""

from __future__ import annotations

import os
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
)
from brevetti_hydra.sweep_nodes import LauncherNode, SearchNode, SweepNode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.config import Composition, Validated

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
    trials: list[PlannedTrial] = []
    bases: dict[str, Frozen] = {}
    first: tuple[Composition, Validated, dict[str, Any]] | None = None
    classes: dict[str, type[Job]] = {}
    axes = read_axes(request, opened.search.repository.get_group_options, opened.project.budget)
    for point in axes:
        own = request._replace(arguments=(*point.arguments, *axes.of_sweep))
        composition = compose(own, folder=folder, base=Job, opened=opened)
        check_job_class(composition.job_class)
        nodes = _take_nodes(composition)
        validated = validate(composition)
        first = first or (composition, validated, nodes)
        classes[composition.target] = composition.job_class
        frozen = _freeze(composition, validated, folder, own)
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
    if first is None:
        message = "a line without trials"
        raise ValueError(message)
    composition, validated, nodes = first
    sweep_id, now = new_run_id(), clock.now()
    jobs = tuple(dict.fromkeys(trial.job for trial in trials))
    code = gather_code(classes.values(), find_project(folder))
    root = SweepFolder.named(runs_root(validated.run.root), "-".join(jobs), sweep_id, now)
    record = SweepRecord(
        sweep_id=sweep_id,
        folder=root.name,
        created=format_utc(now),
        command=tuple(command_words(command, composition)),
        overrides=tuple(argument.shown for argument in request.arguments),
        start_folder=os.fspath(folder),
        jobs=jobs,
        varied=tuple(dict.fromkeys(key for trial in trials for key in trial.varied)),
        trials=len(trials),
        objectives=_objectives(nodes["sweep"], composition.job_class),
        sweep=nodes["sweep"].model_dump(mode="json"),
        launcher=nodes["launcher"].model_dump(mode="json"),
        hydra_launcher=read_hydra_launcher(composition.hydra.tree, nodes["launcher"]),
        code_sha256=code.sha256,
        harness=__version__,
    )
    return SweepPlan(root, record, trials, bases, code, folder)


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
    content: Mapping[str, Any] = {
        "target": composition.target,
        "settings": validated.settings_json,
        "job": nodes.job.model_dump(mode="json"),
        "repeat": repeat,
    }
    return digest_bytes(json_bytes(content))[:16]


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
