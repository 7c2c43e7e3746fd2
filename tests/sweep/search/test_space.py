"""The space of a search: what an axis may be, which axes count, what is tried before it begins."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from brevetti_hydra.sweep.search.space import Condition, Space, SpaceAxis

DEPTH = SpaceAxis(
    kind="int", low=1, high=3, conditions=(Condition(key="model.kind", values=("cnn",)),)
)
KIND = SpaceAxis(kind="choice", choices=("cnn", "mlp"))
LR = SpaceAxis(kind="float", low=1e-4, high=1, log=True)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"kind": "choice"}, "a choice needs values, each once"),
        ({"kind": "choice", "choices": ("a", "a")}, "a choice needs values, each once"),
        ({"kind": "float", "low": 2, "high": 1}, "no range goes from 2 to 1"),
        ({"kind": "float", "low": 0, "high": float("inf")}, "no range goes from 0 to inf"),
        ({"kind": "float", "low": 0, "high": 1, "log": True}, "begins above 0, not at 0"),
        ({"kind": "float", "low": 0, "high": 1, "step": 0}, "a step is above 0"),
    ],
)
def test_an_axis_that_holds_nothing_is_refused(wrong: dict[str, Any], reason: str) -> None:
    """No choices, choices twice, ranges upside down, logarithms of 0 and steps of 0 are refused."""
    with pytest.raises(ValidationError, match=reason):
        SpaceAxis.model_validate(wrong)


def test_steps_have_no_noise() -> None:
    """Values at steps are as they would be typed, whatever adding them up would give."""
    axis = SpaceAxis(kind="float", low=0.1, high=0.75, step=0.1)

    assert [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7] == axis.values()
    assert 0.7 == axis.end


@given(low=st.integers(-50, 50), count=st.integers(1, 40), step=st.integers(1, 9))
def test_a_range_ends_at_its_last_step(low: int, count: int, step: int) -> None:
    """An integer range has as many values as steps fit, each an integer and within its ends."""
    axis = SpaceAxis(kind="int", low=low, high=low + count * step - 1, step=step)

    values = axis.values()

    assert count == len(values) == axis.size
    assert all(isinstance(value, int) for value in values)
    assert all(b - a == step for a, b in pairwise(values))
    assert axis.end == values[-1]


def test_a_space_survives_its_record() -> None:
    """What `sweep.json` holds of a space is the space again, in its order."""
    space = Space({"lr": LR, "model.depth": DEPTH, "model.kind": KIND})

    again = Space.of_json(json.loads(json.dumps(space.as_json())))

    assert space.axes == again.axes
    assert ["lr", "model.kind", "model.depth"] == list(again.axes)


def test_a_condition_that_never_holds_is_refused() -> None:
    """An axis whose condition looks at no axis, or in a circle, is an error."""
    with pytest.raises(ValueError, match=r"the conditions of model\.depth never hold"):
        Space({"lr": LR, "model.depth": DEPTH})


def test_an_axis_counts_only_under_its_condition() -> None:
    """Every combination leaves out the axes that do not count in it."""
    space = Space({"model.depth": DEPTH, "model.kind": KIND})

    assert [
        {"model.kind": "cnn", "model.depth": 1},
        {"model.kind": "cnn", "model.depth": 2},
        {"model.kind": "cnn", "model.depth": 3},
        {"model.kind": "mlp"},
    ] == list(space.points())


def test_few_points_show_every_choice_and_both_ends() -> None:
    """What is tried before a search begins holds each choice, and both ends of each range."""
    letters = SpaceAxis(kind="choice", choices=tuple("abcde"))
    space = Space({"lr": LR, "letter": letters, "model.depth": DEPTH, "model.kind": KIND})

    probes = list(space.probes())

    assert 10 == len(probes)
    assert {1e-4, 1.0} == {point["lr"] for point in probes}
    assert set("abcde") == {point["letter"] for point in probes}
    assert {1, 3} == {point["model.depth"] for point in probes if point["model.kind"] == "cnn"}
    assert not any("model.depth" in point for point in probes if point["model.kind"] == "mlp")
