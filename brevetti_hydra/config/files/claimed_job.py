"""Which job a file of configuration belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.config.files.defaults_lists import Entry, entries_of
from brevetti_hydra.config.files.packages import written_package
from brevetti_hydra.config.safety.targets import is_target

if TYPE_CHECKING:
    from brevetti_hydra.config.tree.documents import Document

__all__ = ["claimed_job"]


def claimed_job(config_path: str, document: Document) -> str | None:
    """Find what a file says of its job: by its own place, its class, or its choice.

    Returns:
        An option of the group `job`, a class, or None.
    """
    holder = config_path.rpartition("/")[0]
    if config_path.startswith("job/"):
        return config_path.removeprefix("job/")
    if not written_package(document.package, holder):
        target = document.tree.at(("job", "_target_"))
        if target is not None and isinstance(target.value, str) and is_target(target.value):
            return target.value
    if not holder:
        # The primary config chooses a job that the command line may replace.
        return None
    try:
        chosen = [entry.options for entry in entries_of(document) if _chooses_job(entry)]
    except (AttributeError, TypeError, ValueError):
        # No list of entries; the editor will mark it.
        return None
    option = chosen[-1][-1] if chosen and chosen[-1] else "None"
    return None if option == "None" or "${" in option else option


def _chooses_job(entry: Entry) -> bool:
    return entry.group == "job" and entry.is_absolute
