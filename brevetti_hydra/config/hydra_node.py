"""The `hydra` node: what of it is honoured, translated, served or refused.

| key | what happens |
|---|---|
| `hydra.searchpath`, `hydra.verbose`, `hydra.mode` | honoured |
| `hydra/launcher`, `hydra.launcher.*`, `hydra.sweeper.params` | for sweeps, with a notice |
| `hydra.run.dir`, `hydra.sweep.dir` | `run.root`, with a notice |
| `hydra.job.name` | `job.name`, with a notice |
| everything else | refused, with a hint |
"""

from __future__ import annotations

from typing import NamedTuple

from brevetti_hydra.config.tree.origins import Node, Path, dotted, walk
from brevetti_hydra.errors import (
    BrevettiHydraError,
    InvalidSettingError,
    RefusedHydraKeyError,
    SweepNotAskedError,
    UsageError,
)

__all__ = ["HydraNode", "read_hydra_node"]

_TRANSLATED: dict[Path, Path] = {
    ("run", "dir"): ("run", "root"),
    ("sweep", "dir"): ("run", "root"),
    ("job", "name"): ("job", "name"),
}
_OF_SWEEPS = {("launcher",), ("sweeper",)}
_HINTS = {
    "callbacks": "callbacks run code from configuration; put it into the job's run()",
    "output_subdir": "a run's folder has a fixed layout; take the line out",
    "job_logging": "logging belongs to the program; set hydra.verbose=true to see more",
    "hydra_logging": "logging belongs to the program; set hydra.verbose=true to see more",
    "job": "the working directory never changes, and the name is 'job.name'",
    "run": "the folder of all runs is 'run.root'",
    "sweep": "the folder of all runs is 'run.root'",
}


class HydraNode(NamedTuple):
    """What was taken from the `hydra` node.

    Attributes:
        verbose: Whether the harness logs at debug level.
        notices: One line for each translated key.
        problems: One error for each refused key.
        for_sweeps: Those of the notices that say that a key has no effect on a single run.
        tree: The node itself, as it was written.
    """

    verbose: bool
    notices: tuple[str, ...]
    problems: tuple[BrevettiHydraError, ...]
    tree: Node | None = None
    for_sweeps: tuple[str, ...] = ()


def read_hydra_node(tree: Node, *, is_sweep: bool = False) -> HydraNode:
    """Take the `hydra` node out of a tree, and lay its translated keys where they belong."""
    children = tree.children if tree.children is not None else {}
    hydra = children.pop("hydra", None)
    verbose = False
    notices: list[str] = []
    for_sweeps: list[str] = []
    problems: list[BrevettiHydraError] = []
    for path, node in walk(hydra) if hydra is not None else ():
        key = dotted(("hydra", *path))
        if path in _TRANSLATED:
            target = _TRANSLATED[path]
            _place(tree, target, node)
            notices.append(f"{node.origin.label}: '{key}' is taken as '{dotted(target)}'")
        elif path == ("verbose",):
            verbose = bool(node.value)
        elif path == ("mode",):
            problems += _check_mode(node, is_sweep=is_sweep)
        elif path[:1] in _OF_SWEEPS and "_target_" not in path:
            notice = f"'hydra.{path[0]}' is for sweeps, and has no effect on a single run"
            if not is_sweep and not any(notice in each for each in for_sweeps):
                for_sweeps.append(f"{node.origin.label}: {notice}")
                notices.append(for_sweeps[-1])
        elif path[:1] == ("searchpath",):
            continue
        elif path or node.value is not None:
            problems.append(_refused(key, path[0] if path else "", node))
    return HydraNode(verbose, tuple(notices), tuple(problems), hydra, tuple(for_sweeps))


def _check_mode(node: Node, *, is_sweep: bool) -> list[BrevettiHydraError]:
    if node.value in ("MULTIRUN" if is_sweep else "RUN", None):
        return []
    if is_sweep and node.value == "RUN":
        return [
            UsageError(
                "'hydra.mode=RUN' contradicts '-m', which asks for a sweep",
                where=node.origin.place(),
                hint="take one of them out",
            )
        ]
    if node.value == "MULTIRUN":
        return [
            SweepNotAskedError(
                "'hydra.mode=MULTIRUN' asks for a sweep, but this is a single run",
                where=node.origin.place(),
                hint="add -m, or take it out",
            )
        ]
    return [
        InvalidSettingError(
            f"'hydra.mode' must be RUN or MULTIRUN, but is {node.value!r}",
            where=node.origin.place(),
        )
    ]


def _refused(key: str, group: str, node: Node) -> RefusedHydraKeyError:
    return RefusedHydraKeyError(
        f"'{key}' is not taken here",
        where=node.origin.place(),
        notes=["of the 'hydra' node, searchpath, verbose, mode, launcher and sweeper.params are"],
        hint=_HINTS.get(group, "take it out"),
    )


def _place(tree: Node, path: Path, node: Node) -> None:
    """Set a key that is not written yet; what its own name says wins over the translation."""
    holder = tree
    for key in path[:-1]:
        if holder.children is None:
            return
        holder = holder.children.setdefault(key, Node(node.origin, children={}))
    if holder.children is not None:
        holder.children.setdefault(path[-1], node)
