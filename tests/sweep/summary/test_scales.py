"""Axes of charts: where a value stands, and what is written beside it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.sweep.summary.scales import scale_of

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())
)


@pytest.mark.parametrize(
    ("values", "positions", "labels"),
    [
        ([1, 3, 2], [0.0, 1.0, 0.5], ["1", "2", "3"]),
        ([1e-3, 1e-1, 1e-2], [0.0, 1.0, 0.5], ["0.001", "0.01", "0.1"]),
        (["0.001", "0.1", "0.01"], [0.0, 1.0, 0.5], ["0.001", "0.01", "0.1"]),
        (["adam", "sgd", "adam"], [0.0, 1.0, 0.0], ["adam", "sgd"]),
        ([True, False], [0.0, 1.0], ["true", "false"]),
        ([5, 5], [0.5, 0.5], ["5"]),
        ([0, None, 10], [0.0, -0.1, 1.0], ["unset", "0", "10"]),
    ],
)
def test_places(values: list[Any], positions: list[float], labels: list[str]) -> None:
    """Numbers stand by size or logarithm, words in their order, and what is unset below."""
    scale = scale_of("x", values)

    assert positions == pytest.approx(scale.positions)
    assert labels == [text for _, text in scale.ticks]


def test_a_reversed_axis_has_its_least_value_at_the_head() -> None:
    """So that the best is at the head, whichever way is better."""
    scale = scale_of("loss", [1.0, 2.0, None], is_result=True, is_reversed=True)

    assert ([1.0, 0.0, None], ["1", "2"]) == (scale.positions, [text for _, text in scale.ticks])


def test_many_numbers_are_labelled_in_steps() -> None:
    """Round numbers stand between the ends, as many as can be read."""
    ticks = scale_of("x", [index / 97 for index in range(98)]).ticks

    assert ["0", "0.2", "0.4", "0.6", "0.8", "1"] == [text for _, text in ticks]


@given(st.lists(VALUES, min_size=1, max_size=30))
def test_every_value_has_a_place(values: list[Any]) -> None:
    """Whatever is swept over can be drawn, within the axis or just below it."""
    scale = scale_of("x", values)
    shares = [index / len(values) for index in range(len(values))]

    places = [*scale.positions, *(at for at, _ in scale.ticks), *scale.spread(shares)]

    assert len(values) == len(scale.positions)
    assert all(at is not None and -0.2 < at < 1.1 for at in places)
