"""From a point of a search to a trial of the plan, and back; no YAML is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import digest_bytes
from brevetti_hydra._json import json_bytes
from brevetti_hydra.config import Argument, find_project, validate
from brevetti_hydra.config.layers import CommandLine
from brevetti_hydra.config.models.job_shapes import RootShape, class_shapes
from brevetti_hydra.config.recorded import compose_recorded, recorded_nodes
from brevetti_hydra.config.safety.targets import load_target
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.origins import Origin, node_of, walk
from brevetti_hydra.errors import BrevettiHydraError
from brevetti_hydra.job import Job
from brevetti_hydra.run.folders import new_run_id
from brevetti_hydra.settings import ReservedNodes
from brevetti_hydra.sweep.folders import trial_name
from brevetti_hydra.sweep.record import PlannedTrial, trial_key
from brevetti_hydra.sweep.search.base import Point
from brevetti_hydra.sweep.search.space import Space
from brevetti_hydra.sweep.trial import with_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import Frozen, LinePart, Stem

__all__ = ["PointPlanner"]


class PointPlanner:
    """Makes trials of the points of one sweep's search."""

    def __init__(self, sweep: OpenSweep, *, secrets: Sequence[Argument] = ()) -> None:
        """Prepare; nothing is read yet.

        Args:
            sweep: The sweep.
            secrets: Overrides that the plan does not hold, because they are secrets.
        """
        self._sweep = sweep
        self._secrets = tuple(secrets)
        self._folder = Path(sweep.record.start_folder)
        self._project = find_project(self._folder)
        self._space = Space.of_json(sweep.record.space)
        self._frozen: dict[str, Frozen] = {}
        self._classes: dict[str, tuple[type, RootShape]] = {}

    def plan(self, point: Point) -> PlannedTrial:
        """Make a trial of a point.

        Raises:
            RecordUnreadableError: A frozen configuration is missing or damaged.
            JobClassError: The job's class cannot be loaded.
        """
        stem = self._stem(point)
        frozen = self._base(stem.base)
        overrides: list[str] = []
        own: list[Argument] = []
        varied: dict[str, Any] = {}
        for part in self._sweep.record.line:
            written = self._written(part, point)
            overrides += written
            if part.axis in point.values:
                # What decided for the stem is in its tree already.
                arguments = [Argument(text, part.origin, Budget()) for text in written]
                own += [] if part.axis in stem.chosen else arguments
                for argument in arguments:
                    is_number = not isinstance(point.values[part.axis], str)
                    value = point.values[part.axis] if is_number else argument.value
                    varied[argument.key] = value
        run_id = new_run_id()
        trial = PlannedTrial(
            number=point.number,
            key="",
            run_id=run_id,
            folder=trial_name(point.number, stem.job, run_id),
            job=stem.job,
            base=stem.base,
            values=self._values(frozen, own),
            varied=varied,
            overrides=overrides,
            repeat=0,
            seed=None,
        )
        return self._with_key(trial, frozen)

    def point_of(self, trial: PlannedTrial) -> Point:
        """Give the point that a trial of the plan was made of."""
        given = set(trial.overrides)
        values: dict[str, Any] = {}
        for part in self._sweep.record.line:
            axis = self._space.axes.get(part.axis)
            if axis is None:
                continue
            if axis.kind == "choice":
                choices = zip(axis.choices, part.writes, strict=True)
                found = next((text for text, own in choices if given.issuperset(own)), None)
            else:
                start = part.writes[0][0]
                texts = (text for text in trial.overrides if text.startswith(start))
                found = next((axis.value(float(text[len(start) :])) for text in texts), None)
            if found is not None:
                values[part.axis] = found
        return Point(trial.number, {key: values[key] for key in self._space.axes if key in values})

    def _stem(self, point: Point) -> Stem:
        return next(
            stem
            for stem in self._sweep.record.stems
            if all(point.values.get(key) == value for key, value in stem.chosen.items())
        )

    def _base(self, digest: str) -> Frozen:
        if digest not in self._frozen:
            self._frozen[digest] = self._sweep.frozen(digest)
        return self._frozen[digest]

    def _class(self, target: str) -> tuple[type, RootShape]:
        if target not in self._classes:
            job_class = load_target(target, self._project, Job)
            self._classes[target] = job_class, RootShape(class_shapes(job_class))
        return self._classes[target]

    def _written(self, part: LinePart, point: Point) -> Sequence[str]:
        if not part.axis:
            return [part.text]
        value = point.values.get(part.axis)
        if value is None:
            return ()
        axis = self._space.axes[part.axis]
        if axis.kind == "choice":
            return part.writes[axis.choices.index(value)]
        return [f"{part.writes[0][0]}{value}"]

    def _values(
        self, frozen: Frozen, arguments: Sequence[Argument]
    ) -> list[tuple[list[str], Any, str]]:
        """Read the arguments as a single run would, over the frozen tree."""
        _, shape = self._class(frozen.job.target)
        tree = node_of(dict(frozen.inputs.config), Origin("yaml", "the plan"))
        line = CommandLine(arguments, shape, tree)
        return [
            (list(path), node.plain(), node.origin.label)
            for path, node in walk(line.layer)
            if path and node.children is None
        ]

    def _with_key(self, trial: PlannedTrial, frozen: Frozen) -> PlannedTrial:
        job_class, _ = self._class(frozen.job.target)
        try:
            composition = compose_recorded(
                with_values(frozen.inputs, trial),
                job_class,
                frozen.job.target,
                self._folder,
                given=self._secrets,
                is_to_run=True,
            )
            found = validate(composition)
        except BrevettiHydraError:
            # Whoever runs it tells why, in a record of its own; the search goes on.
            content = json_bytes([trial.base, trial.values])
            return trial._replace(key=digest_bytes(content)[:16])
        nodes = recorded_nodes(composition, ReservedNodes(found.job, found.platform, found.run))
        job = nodes.job.model_dump(mode="json")
        key = trial_key(frozen.job.target, found.settings_json, job, trial.repeat)
        return trial._replace(key=key, seed=found.run.seed)
