"""What a sweep may still be told, by several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.config import read_overrides
from brevetti_hydra.sweep.driving.changing import change_sweep
from brevetti_hydra.sweep.opened import open_sweep, read_sweep_record

if TYPE_CHECKING:
    from tests.sweep.conftest import Sweeps


def test_changes_of_others_stay(sweeps: Sweeps) -> None:
    """Who has read the sweep before somebody changed it keeps what that one has changed."""
    one = sweeps.plan("x=1,2")
    other = open_sweep(one.folder)

    change_sweep(other, read_overrides(["sweep.retries=3"]))
    left = change_sweep(one, read_overrides(["sweep.max_trials=1", "token=hunter2"]))

    record = read_sweep_record(one.folder)
    assert (3, 1) == (record.sweep["retries"], record.sweep["max_trials"])
    assert record == one.record
    assert ["token"] == [argument.key for argument in left]
