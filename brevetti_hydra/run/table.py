"""Runs as a pandas table, for notebooks and scripts."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from brevetti_hydra.errors import MissingExtraError
from brevetti_hydra.run.columns import flat_row, select
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.run.history import list_runs

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["load_runs"]


def load_runs(
    root: str | os.PathLike[str] | None = None, where: str | Sequence[str] = ()
) -> pd.DataFrame:
    """Read the records of all runs into a table, newest first, one row a run or trial of a sweep.

    A record that cannot be read is left out, and logged as a warning.

    Args:
        root: The folder of all runs, or of a sweep; default: the environment's
            BREVETTI_HYDRA_RUNS, else `./runs`.
        where: Conditions as `brevetti-hydra runs --where` takes them, `"metrics.accuracy>0.9"`;
            several must all hold.

    Returns:
        The index is the run's short id. Columns: `state`, `job`, `created` (UTC), `duration_s`,
        `tags`, `overrides`, `sweep` (its folder's name), `trial`, ..., then one per metric and
        setting: `metrics.accuracy`, `progress.loss`, `settings.model.hidden`. A run that lacks one
        has NaN or None there.

    Raises:
        MissingExtraError: pandas is not installed.
        UsageError: A condition cannot be read.

    Example:
        >>> table = load_runs(where="state=completed")  # doctest: +SKIP
        >>> table.sort_values("metrics.accuracy").tail()  # doctest: +SKIP
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as error:
        raise MissingExtraError("pandas", "examples", "load_runs()") from error
    logger = logging.getLogger("brevetti_hydra")
    everything = list_runs(
        runs_root(root),
        on_damage=lambda _, error: logger.warning("%s", error),
        has_trials=True,
    )
    records = select(everything, where)
    rows = [flat_row(record) for record in records]
    # The columns of an empty table are those that every run has.
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["id", "state", "job"]
    table = pd.DataFrame(rows, columns=columns).set_index("id")
    for name in ("created", "ended"):
        if name in table:
            table[name] = pd.to_datetime(table[name], utc=True, format="ISO8601")
    return table
