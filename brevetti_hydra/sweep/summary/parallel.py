"""Parallel coordinates: a line for each trial, across its settings to its results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import shorten
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.summary.marks import MOST_DRAWN, SCHEMA, WIDTH, about, texts, tip
from brevetti_hydra.sweep.summary.ranking import SEED, best_trials, group_repeats, rank
from brevetti_hydra.sweep.summary.scales import Scale, scale_of, value_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.sweep.summary.view import SweepView, TrialView

__all__ = ["axis_keys", "parallel_coordinates"]

_MOST_AXES = 9


def parallel_coordinates(view: SweepView) -> dict[str, Any] | None:
    """Draw a line for each trial across an axis for each setting that varies, to its result.

    The best stands at the head of a result's axis, and is the strongest line.

    Returns:
        The specification; None where there is nothing to compare.
    """
    trials = _drawn(view)
    keys = axis_keys(view)
    if len(trials) < 2 or not keys:  # noqa: PLR2004 - a single line compares nothing
        return None
    scales = [
        *(scale_of(key, [each.planned.varied.get(key) for each in trials]) for key in keys),
        *(_result_scale(view, trials, index) for index in range(len(view.objectives))),
    ]
    shares = _shares(trials)
    columns = [scale.spread(shares) for scale in scales]
    lines: list[dict[str, Any]] = [
        {"trial": trial.number, "share": round(share, 4), "about": about(trial)}
        | {f"a{axis}": round(at, 4) for axis, at in enumerate(places) if at is not None}
        for trial, share, *places in zip(trials, shares, *columns, strict=True)
    ]
    # The last is drawn on top.
    lines.reverse()
    best = {trial.number for trial in best_trials(view)}
    return _parallel(scales, lines, best, _line_opacity(len(trials)))


def axis_keys(view: SweepView) -> list[str]:
    """Give the settings that a chart has an axis for: those that differ, the weightiest first."""
    keys = [key for key in view.record.varied if _differs(view, key)]
    if group_repeats(view) and SEED in keys:
        # What differs between repeats is nothing that somebody chooses.
        keys.remove(SEED)
    if view.importances:
        keys.sort(key=lambda key: -view.importances.get(key, 0.0))
    return keys[: _MOST_AXES - len(view.objectives)]


def _drawn(view: SweepView) -> list[TrialView]:
    """Give the trials that have lines, the best first: all, or the best and some of the rest."""
    wanted = [trial for trial in rank(view) if trial.state is RunState.COMPLETED]
    if view.objectives:
        wanted = [trial for trial in wanted if trial.has_values]
    if len(wanted) <= MOST_DRAWN:
        return wanted
    half = MOST_DRAWN // 2
    rest = wanted[half:]
    step = len(rest) / half
    return wanted[:half] + [rest[int(index * step)] for index in range(half)]


def _differs(view: SweepView, key: str) -> bool:
    values = (value_label(trial.planned.varied.get(key)) for trial in view.trials)
    first = next(values, None)
    return any(value != first for value in values)


def _result_scale(view: SweepView, trials: Sequence[TrialView], index: int) -> Scale:
    objective = view.objectives[index]
    values = [trial.values[index] for trial in trials]
    is_reversed = objective.direction == "minimize"
    found = scale_of(objective.name, values, is_result=True, is_reversed=is_reversed)
    # Results are where they are; only settings are shared.
    return found._replace(is_discrete=False)


def _shares(trials: Sequence[TrialView]) -> list[float]:
    """Give each trial a number from 0, the worst, to 1: outliers take no colour from the rest."""
    last = max(1, len(trials) - 1)
    return [1 - index / last for index in range(len(trials))]


def _line_opacity(count: int) -> float:
    return max(0.16, min(0.9, 30 / max(1, count)))


def _parallel(
    scales: Sequence[Scale], lines: list[dict[str, Any]], best: set[int], opacity: float
) -> dict[str, Any]:
    last = len(scales) - 1
    x: dict[str, Any] = {"field": "axis", "type": "quantitative", "axis": None}
    x["scale"] = {"domain": [0, max(1, last)], "nice": False, "zero": False}
    low = min((at for scale in scales for at, _ in scale.ticks), default=0.0)
    y: dict[str, Any] = {"field": "at", "type": "quantitative", "axis": None}
    y["scale"] = {"domain": [min(low, 0) - 0.04, 1.04], "nice": False, "zero": False}
    ticks = [
        {"axis": axis, "at": at, "text": text}
        for axis, scale in enumerate(scales)
        for at, text in scale.ticks
    ]
    names = [
        {"axis": axis, "at": 0, "head": 1, "text": shorten(scale.name, 26)}
        for axis, scale in enumerate(scales)
    ]
    chosen = [each for each in lines if each["trial"] in best]
    return {
        "$schema": SCHEMA,
        "width": WIDTH,
        "height": 340,
        "padding": {"left": 24, "right": 60, "top": 4, "bottom": 8},
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "data": {"values": names},
                "mark": {"type": "rule", "strokeWidth": 1, "opacity": 0.6},
                "encoding": {"y2": {"field": "head"}},
            },
            _lines(lines, len(scales), {"opacity": opacity}),
            _lines(chosen, len(scales), {"strokeWidth": 3}),
            *_haloed(ticks, {"align": "left", "dx": 7, "fontSize": 11}),
            texts(
                names,
                {"align": "center", "baseline": "bottom", "fontSize": 12, "fontWeight": 600},
                y={"value": -4},
            ),
        ],
    }


def _lines(values: list[dict[str, Any]], axes: int, look: dict[str, Any]) -> dict[str, Any]:
    """Draw a line for each trial, across all axes."""
    colour = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "range": "diverging"},
        "legend": None,
    }
    mark = {"type": "line", "interpolate": "monotone", "strokeWidth": 1.4, "strokeJoin": "round"}
    return {
        "data": {"values": values},
        "transform": _folded(axes),
        "mark": mark | look,
        "encoding": {"color": colour, "detail": {"field": "trial"}, "tooltip": tip()},
    }


def _folded(axes: int) -> list[dict[str, Any]]:
    """Make a row for each axis of a trial: written like that they would be many times as large."""
    return [
        {"fold": [f"a{axis}" for axis in range(axes)], "as": ["name", "at"]},
        {"filter": "isValid(datum.at)"},
        {"calculate": "toNumber(slice(datum.name, 1))", "as": "axis"},
    ]


def _haloed(values: list[dict[str, Any]], mark: dict[str, Any]) -> list[dict[str, Any]]:
    """Write texts that lie on lines: what is around them first, then they themselves."""
    return [texts(values, mark | {"style": "halo"}), texts(values, mark)]
