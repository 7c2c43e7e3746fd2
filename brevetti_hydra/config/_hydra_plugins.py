"""The door to Hydra's plugins.

tests/config/test_hydra_contract.py holds each name to what is expected of it.
"""

from __future__ import annotations

from inspect import isabstract

from hydra.plugins.config_source import ConfigSource

__all__ = ["plugin_kind"]


def plugin_kind(value: object) -> str | None:
    """Tell what kind of Hydra plugin a class is; None for what is none, or only a base of some."""
    # Imported here: only a list of the plugins asks.
    from hydra.plugins.completion_plugin import CompletionPlugin
    from hydra.plugins.launcher import Launcher
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
