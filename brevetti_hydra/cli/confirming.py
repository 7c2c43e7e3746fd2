"""Asking before something is removed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from brevetti_hydra.cli.reply import Reply

__all__ = ["confirm_removal"]


def confirm_removal(what: str, parts: str, lines: Iterable[str], reply: Reply) -> bool:
    """Ask whether to remove something.

    Args:
        what: `2 runs`.
        parts: What goes with them, `files`.
        lines: One for each of them.
        reply: Shows them.

    Raises:
        UsageError: There is no terminal to ask on.
    """
    if reply.json is not None or not sys.stdin.isatty():
        raise UsageError(
            f"removing {what} needs to be confirmed",
            notes=["there is no terminal to ask on"],
            hint="add --yes",
        )
    for line in lines:
        reply.notice(f"  {line}")
    sys.stderr.write(f"Remove {what} with all {parts}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
