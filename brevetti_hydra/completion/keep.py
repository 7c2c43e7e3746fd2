"""The door by which commands hand over the settings classes that they have loaded anyway."""

from __future__ import annotations

import os

from brevetti_hydra.completion.cache import is_used

__all__ = ["keep_settings"]

# These stand in shipped.json.
_SHIPPED = "brevetti_hydra.jobs."


def keep_settings(job_class: type, target: str, folder: str | os.PathLike[str]) -> None:
    """Write the settings of a Job class into the completion's cache, where they are not yet.

    Costs a look at one folder where nobody completes, and never fails.

    Args:
        job_class: The class, loaded.
        target: Its name, `pkg.mod:Class`.
        folder: Where the command was started.
    """
    if target.startswith(_SHIPPED) or not is_used(os.environ):
        return
    # Imported here: it costs more than everything that is done in it.
    from brevetti_hydra.completion.describe import keep_class

    keep_class(job_class, target, folder)
