"""What a line says of Hydra's plugins: `hydra/launcher=NAME` and its `hydra.launcher.*`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import quote_all, similar_name
from brevetti_hydra.config.tree.origins import CHOICE
from brevetti_hydra.errors import (
    InvalidSettingError,
    RefusedHydraKeyError,
    UnknownOptionError,
    UnknownSettingError,
    UsageError,
)

if TYPE_CHECKING:
    from brevetti_hydra.config.tree.origins import Node
    from brevetti_hydra.sweep_nodes import LauncherNode

__all__ = ["read_hydra_launcher"]

# What Hydra runs trials by when nobody chooses: one after the other, which is ours as well.
_NONE = ("basic", None)
_OF_SWEEPER = frozenset({CHOICE, "max_batch_size", "params"})


def read_hydra_launcher(hydra: Node | None, launcher: LauncherNode) -> dict[str, Any] | None:
    """Read which launcher plugin of Hydra's is chosen, and its options, by the plugin's types.

    Args:
        hydra: The `hydra` node as it was written.
        launcher: The `launcher` node.

    Returns:
        Its `name`, `options` and `at_once` (trials of a batch, by `hydra.sweeper.max_batch_size`;
        None where all of them are), for the sweep's record; None where none is chosen.

    Raises:
        RefusedHydraKeyError: A sweeper plugin is chosen.
        UnknownOptionError: No such launcher is installed.
        UnknownSettingError, InvalidSettingError: The launcher has no such option, or it does not
            take its value; or several workers are asked for, and no launcher has them.
        UsageError: A launcher of ours is chosen as well.
    """
    if hydra is None:
        _refuse_workers(launcher)
        return None
    _refuse_sweeper(hydra)
    node, choice = hydra.at(("launcher",)), hydra.at(("launcher", CHOICE))
    given = {key: each for key, each in ((node and node.children) or {}).items() if key != CHOICE}
    if choice is None or choice.value in _NONE:
        for key, each in given.items():
            raise UnknownSettingError(
                f"'hydra.launcher.{key}' belongs to no launcher: none is chosen",
                where=each.origin.place(),
                hint="choose one: hydra/launcher=joblib",
            )
        _refuse_workers(launcher)
        return None
    if launcher.kind != "inline":
        raise UsageError(
            f"two launchers are chosen: 'launcher={launcher.kind}' and"
            f" 'hydra/launcher={choice.value}'",
            where=choice.origin.place(),
            hint="take one of them out",
        )
    options = {key: each.plain() for key, each in given.items()}
    _check(str(choice.value), choice, options, given)
    return {"name": str(choice.value), "options": options, "at_once": _batch_size(hydra)}


def _batch_size(hydra: Node) -> int | None:
    node = hydra.at(("sweeper", "max_batch_size"))
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, int) or node.value < 1:
        raise InvalidSettingError(
            "'hydra.sweeper.max_batch_size' must be a whole number from 1,"
            f" but is {node.plain()!r}",
            where=node.origin.place(),
        )
    return node.value


def _refuse_workers(launcher: LauncherNode) -> None:
    """Refuse several trials at once where they run one after the other."""
    if launcher.kind == "inline" and (launcher.workers or 1) > 1:
        raise InvalidSettingError(
            f"'launcher.workers={launcher.workers}' has no effect: the trials run in this process",
            key=("launcher", "workers"),
            hint="add launcher=processes",
        )


def _refuse_sweeper(hydra: Node) -> None:
    choice = hydra.at(("sweeper", CHOICE))
    if choice is not None and choice.value not in _NONE:
        raise RefusedHydraKeyError(
            f"'hydra/sweeper={choice.value}' is not taken here",
            where=choice.origin.place(),
            notes=["all combinations are tried, or Optuna searches"],
            hint="search with Optuna: search=optuna",
        )
    sweeper = hydra.at(("sweeper",))
    for key, node in ((sweeper and sweeper.children) or {}).items():
        if key not in _OF_SWEEPER:
            raise RefusedHydraKeyError(
                f"'hydra.sweeper.{key}' is not taken here",
                where=node.origin.place(),
                notes=[f"of it, {quote_all(_OF_SWEEPER - {CHOICE})} are"],
                hint="search with Optuna: search=optuna",
            )


def _check(name: str, choice: Node, options: dict[str, Any], given: dict[str, Node]) -> None:
    # Imported here: no other sweep needs Hydra's plugins.
    from brevetti_hydra.config._hydra_plugins import launcher_names, launcher_options
    from brevetti_hydra.config.plugins import find_plugins

    found = find_plugins()
    installed = launcher_names()
    if name not in installed:
        broken = [f"{each.name} is broken: {each.fault}" for each in found if each.fault]
        nearest = similar_name(name, installed)
        raise UnknownOptionError(
            f"no Hydra launcher '{name}' is installed",
            where=choice.origin.place(),
            notes=[f"installed are {quote_all(installed)}", *broken],
            hint=f"a similar name exists: '{nearest}'"
            if nearest
            else f"install its plugin, as in: pip install hydra-{name}-launcher",
        )
    described = launcher_options(name, options)
    if described.wrong is None:
        return
    key, reason = described.wrong
    where = given[key.partition(".")[0]].origin.place()
    if key not in described.names:
        nearest = similar_name(key, described.names)
        raise UnknownSettingError(
            f"the Hydra launcher '{name}' has no option '{key}'",
            where=where,
            notes=[f"it has {quote_all(n for n in described.names if '.' not in n)}"],
            hint=f"a similar name exists: '{nearest}'"
            if nearest
            else f"take it out: ~hydra.launcher.{key}",
        )
    raise InvalidSettingError(
        f"'hydra.launcher.{key}' does not take its value", where=where, notes=[reason]
    )
