"""The door to Hydra's plugins: which there are, and launchers that run tasks of ours.

A launcher composes its tasks' configurations by the loader that it is given, and surrounds each
with what `hydra.main` does: folders, files, logging, callbacks, a change of directory. The loader
here composes nothing, and the configuration that it gives switches all of that off.
tests/config/test_hydra_contract.py holds each name to what is expected of it.
"""

from __future__ import annotations

from collections import defaultdict
from importlib import import_module
from inspect import isabstract
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.config_store import ConfigStore
from hydra.plugins.config_source import ConfigSource
from hydra.plugins.launcher import Launcher
from omegaconf import OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from omegaconf import DictConfig

__all__ = [
    "HydraLaunch",
    "LauncherOptions",
    "launcher_names",
    "launcher_options",
    "plugin_kind",
    "stop_scanning",
]

_GROUP = "hydra/launcher"
_TARGET = "_target_"


def plugin_kind(value: object) -> str | None:
    """Tell what kind of Hydra plugin a class is; None for what is none, or only a base of some."""
    # Imported here: only a list of the plugins asks.
    from hydra.plugins.completion_plugin import CompletionPlugin
    from hydra.plugins.plugin import Plugin
    from hydra.plugins.search_path_plugin import SearchPathPlugin
    from hydra.plugins.sweeper import Sweeper

    if not isinstance(value, type) or not issubclass(value, Plugin) or isabstract(value):
        return None
    kinds: dict[str, type] = {
        "launcher": Launcher,
        "sweeper": Sweeper,
        "search path": SearchPathPlugin,
        "completion": CompletionPlugin,
        "config source": ConfigSource,
    }
    return next((kind for kind, base in kinds.items() if issubclass(value, base)), "plugin")


def launcher_names() -> list[str]:
    """Name the launchers of the plugins that are imported, as `hydra/launcher=NAME` does."""
    import hydra._internal.core_plugins.basic_launcher  # noqa: F401 - which names itself there

    stored = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
    return sorted(name.removesuffix(".yaml") for name in stored)


class LauncherOptions(NamedTuple):
    """A launcher's options as its plugin describes them, with values of ours laid over.

    Attributes:
        names: The dotted names of all options.
        values: Each with its value, by the plugin's types; interpolations as they are written.
        wrong: The option that does not take its value, and what is said of it; None where all do.
    """

    names: tuple[str, ...]
    values: dict[str, Any]
    wrong: tuple[str, str] | None


def launcher_options(name: str, given: Mapping[str, Any]) -> LauncherOptions:
    """Lay values over what a plugin says of its launcher.

    Args:
        name: One of `launcher_names`.
        given: Option -> value, nested as in YAML.
    """
    described = _described(name)
    names = tuple(_dotted(OmegaConf.to_container(described)))
    wrong = None
    for key, value in given.items():
        try:
            described.merge_with({key: value})
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            wrong = wrong or (getattr(error, "full_key", None) or str(key), reason)
    values: Any = OmegaConf.to_container(described, enum_to_str=True)
    return LauncherOptions(tuple(n for n in names if n != _TARGET), values, wrong)


def _described(name: str) -> DictConfig:
    return ConfigStore.instance().load(f"{_GROUP}/{name}.yaml").node


def _dotted(tree: Any, above: str = "") -> list[str]:
    found: list[str] = []
    for key, value in tree.items():
        found.append(f"{above}{key}")
        if isinstance(value, dict):
            found += _dotted(value, f"{above}{key}.")
    return found


class HydraLaunch:
    """A launcher of a plugin, over a function of ours."""

    def __init__(
        self,
        name: str,
        given: Mapping[str, Any],
        task: Callable[[Any], Any],
        *,
        folder: str,
        job_name: str,
    ) -> None:
        """Build the launcher.

        Args:
            name: One of `launcher_names`.
            given: Its options, nested as in YAML.
            task: Called in a worker with a mapping of the words that `run` was given. Picklable.
            folder: Where the launcher may write: logs, and what it hands to its workers.
            job_name: What a scheduler may call the jobs.

        Raises:
            OmegaConfBaseException, ValueError, TypeError: An option does not take its value.
        """
        stop_scanning()
        config = _hydra_config(folder, job_name)
        config.hydra.launcher = _described(name)
        config.hydra.launcher.merge_with(dict(given))
        # Interpolations such as `${hydra.sweep.dir}` are the plugins' own; they see the whole tree.
        options = config.hydra.launcher
        module, _, kind = options[_TARGET].rpartition(".")
        # As Hydra itself instantiates it: mappings stay OmegaConf's.
        self._launcher = getattr(import_module(module), kind)(
            **{key: options[key] for key in options if key != _TARGET}
        )
        self._launcher.setup(hydra_context=_context(), task_function=task, config=config)

    def run(self, tasks: Sequence[Sequence[str]], first: int) -> None:
        """Run some tasks to their end, as the launcher does.

        Args:
            tasks: The words of each, `key=value`, whose values are whole numbers.
            first: A number for the first of them, which others follow.

        Raises:
            Exception: Whatever the launcher raises; what a task raises is not looked at.
        """
        self._launcher.launch(tasks, first)


class _Loader:
    """Stands in Hydra's config loader's place, here and in the workers."""

    def load_sweep_config(self, master_config: Any, sweep_overrides: Sequence[str]) -> Any:
        """Give the configuration of one task: Hydra's node, and the words of the task."""
        config = master_config.copy()
        with open_dict(config):
            for word in sweep_overrides:
                key, _, value = word.partition("=")
                config[key] = int(value)
            config.hydra.overrides.task = list(sweep_overrides)
        return config


class _NoCallbacks:
    """Stands in the place of Hydra's callbacks."""

    def on_job_start(self, **told: Any) -> None:
        """Do nothing."""

    def on_job_end(self, **told: Any) -> None:
        """Do nothing."""


def _context() -> Any:
    from hydra.types import HydraContext

    return HydraContext(config_loader=_Loader(), callbacks=_NoCallbacks())  # type: ignore[arg-type]


def _hydra_config(folder: str, job_name: str) -> Any:
    """Give the node `hydra` with everything switched off."""
    from hydra.conf import HydraConf
    from hydra.core.utils import setup_globals

    setup_globals()
    silent = {"root": None}
    node: dict[str, Any] = {
        "defaults": [],
        "run": {"dir": folder},
        "sweep": {"dir": folder, "subdir": "."},
        "hydra_logging": silent,
        "job_logging": silent,
        "output_subdir": None,
        "job": {
            "name": job_name,
            "id": "",
            "num": 0,
            "chdir": False,
            "override_dirname": "",
            "config_name": None,
        },
        "runtime": {"version": "", "version_base": "", "cwd": folder, "output_dir": folder},
    }
    config = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf)})
    config.hydra.merge_with(_literal(node))
    return config


def _literal(tree: Any) -> Any:
    """Keep OmegaConf from reading names of folders as interpolations."""
    if isinstance(tree, dict):
        return {key: _literal(value) for key, value in tree.items()}
    return tree.replace("${", "\\${") if isinstance(tree, str) else tree


def stop_scanning() -> None:
    """Keep Hydra from importing all plugins of an environment again, of which one may be broken.

    Each launcher's worker does, before each of its tasks.
    """
    from hydra.core.plugins import Plugins, ScanStats

    def initialize(plugins: Any) -> None:
        plugins.plugin_type_to_subclass_list = defaultdict(list)
        plugins.class_name_to_class = {}
        plugins.stats = ScanStats()

    Plugins._initialize = initialize  # type: ignore[assignment,method-assign]  # noqa: SLF001
