"""Plain trees written as YAML, in the form in which Hydra prints configs."""

from __future__ import annotations

from typing import Any

import yaml

from brevetti_hydra.config.tree.documents import reads_as_text

__all__ = ["yaml_text"]

_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# One letter is a truth value to some readers of YAML 1.1, though not to ours.
_LETTERS = frozenset("yYnN")


class _Dumper(_SafeDumper):  # type: ignore[misc]
    """Writes texts so that they are read as texts again, and everything as often as it stands."""

    def ignore_aliases(self, data: object) -> bool:
        """Write no anchors: two keys may hold the same list."""
        del data
        return True

    def text(self, data: str) -> yaml.Node:
        """Quote a text that would be read as something else."""
        if not data.isascii():
            # What UTF-8 cannot hold is spelled, as in JSON.
            data = data.encode("utf-8", "backslashreplace").decode()
        style = None if reads_as_text(data) and data not in _LETTERS else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)  # type: ignore[no-any-return]


_Dumper.add_representer(str, _Dumper.text)


def yaml_text(tree: Any) -> str:
    """Write a plain tree; nothing in it is taken for an interpolation."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    return text
