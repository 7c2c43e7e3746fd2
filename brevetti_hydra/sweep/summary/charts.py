"""What a sweep looks like: Vega-Lite specifications with their numbers inside.

Every name in them that comes from a user is a value, never the name of a field, so that no dot or
bracket in it means anything.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import shorten
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.summary.marks import (
    MOST_DRAWN,
    SCHEMA,
    WIDTH,
    about,
    texts,
    tip,
    value_axis,
)
from brevetti_hydra.sweep.summary.ranking import best_trials, is_better, rank
from brevetti_hydra.sweep.summary.timeline import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brevetti_hydra.sweep.record import Objective
    from brevetti_hydra.sweep.summary.view import SweepView

__all__ = ["best_so_far", "importance", "state_timeline", "trade_off"]

_STATES = ("completed", "interrupted", "running", "pruned", "failed", "lost")


def best_so_far(view: SweepView, index: int = 0) -> dict[str, Any] | None:
    """Draw each result in the order in which the trials ended, and the best until then.

    Args:
        view: The sweep.
        index: Which objective.

    Returns:
        The specification; None without results.
    """
    objective = view.objectives[index]
    ended = [
        (trial, value)
        for trial in view.trials
        if trial.ended
        and trial.is_done
        and trial.values
        and (value := trial.values[index]) is not None
    ]
    if not ended:
        return None
    ended.sort(key=lambda pair: pair[0].ended or "")
    best: float | None = None
    points: list[dict[str, Any]] = []
    for order, (trial, value) in enumerate(ended, 1):
        if trial.state is RunState.COMPLETED and (
            best is None or is_better(value, best, objective)
        ):
            best = value
        points.append(
            {"order": order, "value": value, "best": best, "state": trial.state.value}
            | {"trial": trial.number, "about": about(trial)}
        )
    return _best_chart(objective, _thinned(points), [value for _, value in ended])


def trade_off(view: SweepView, x: int = 0, y: int = 1) -> dict[str, Any] | None:
    """Draw two objectives against each other, with those trials that none surpasses in both.

    Returns:
        The specification; None without results.
    """
    trials = [trial for trial in reversed(rank(view)) if trial.has_values]
    if not trials:
        return None
    front = {trial.number for trial in best_trials(view)}
    points = [
        {
            "x": trial.values[x],
            "y": trial.values[y],
            "kind": "not surpassed" if trial.number in front else "surpassed",
            "trial": trial.number,
            "about": about(trial),
        }
        for trial in trials[-MOST_DRAWN:]
    ]
    return _trade_off_chart(view.objectives[x], view.objectives[y], points)


def importance(view: SweepView) -> dict[str, Any] | None:
    """Draw how much each setting matters; None where no search knows it."""
    shares = [
        {"key": shorten(key, 40), "share": share}
        for key, share in sorted(view.importances.items(), key=lambda item: -item[1])
    ]
    if not shares:
        return None
    x: dict[str, Any] = {
        "field": "share",
        "type": "quantitative",
        "title": None,
        "axis": {"format": ".0%"},
    }
    y: dict[str, Any] = {"field": "key", "type": "nominal", "sort": None, "title": None}
    axis = {"labelLimit": 260, "domain": False, "ticks": False, "labelPadding": 8}
    return {
        "$schema": SCHEMA,
        "data": {"values": shares},
        "width": 560,
        "height": {"step": 26},
        "encoding": {"x": x | {"axis": {"format": ".0%", "tickCount": 5}}, "y": y | {"axis": axis}},
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3, "height": 16},
                "encoding": {"color": {"datum": "share", "legend": None}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 12},
                "encoding": {"text": {"field": "share", "type": "quantitative", "format": ".0%"}},
            },
        ],
    }


def state_timeline(view: SweepView, *, now: float) -> dict[str, Any] | None:
    """Draw when each attempt ran, coloured by how it ended, side by side where several ran at once.

    Times without any trial are left out, and marked.

    Args:
        view: The sweep.
        now: Until when running trials are drawn, in seconds since 1970 UTC.

    Returns:
        The specification; None where nothing has run.
    """
    layout = lay_out(view.trials, now)
    if not layout.bars:
        return None
    bars = [
        {"lane": bar.lane, "from": bar.start / layout.unit_s, "to": bar.end / layout.unit_s}
        | {"state": bar.state, "trial": bar.trial.number, "about": about(bar.trial)}
        for bar in layout.bars
    ]
    pauses = [{"at": at / layout.unit_s, "text": text} for at, text in layout.pauses]
    return _timeline_chart(bars, pauses, layout.lanes, layout.unit)


def _thinned(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep every point that is the best until then, and so many of the others as can be seen."""
    if len(points) <= MOST_DRAWN:
        return points
    step = math.ceil(len(points) / MOST_DRAWN)
    last = len(points) - 1
    return [
        point
        for index, point in enumerate(points)
        if index % step == 0 or index == last or point["value"] == point["best"]
    ]


def _state_colour(states: Iterable[str]) -> dict[str, Any]:
    """Colour by state; always the same colours, whichever states there are."""
    present = set(states)
    values = [state for state in _STATES if state in present]
    legend = {"orient": "top", "title": None, "values": values} if len(values) > 1 else None
    return {
        "field": "state",
        "type": "nominal",
        "scale": {"domain": list(_STATES)},
        "legend": legend,
    }


def _best_chart(
    objective: Objective, points: list[dict[str, Any]], values: Sequence[float]
) -> dict[str, Any]:
    x: dict[str, Any] = {"field": "order", "type": "quantitative", "title": "trials that ended"}
    x |= {"axis": {"tickMinStep": 1, "format": "d", "grid": False}, "scale": {"nice": False}}
    y = value_axis("value", values)
    shown = tip(("value", objective.name, ".6g"), ("state", "state", ""))
    size = 46 if len(points) <= 200 else 20  # noqa: PLR2004 - so that points stay points
    return {
        "$schema": SCHEMA,
        "title": shorten(f"{objective.name} ({objective.direction})", 90),
        "width": WIDTH,
        "height": 220,
        "data": {"values": points},
        "encoding": {"x": x, "y": y},
        "resolve": {"scale": {"color": "independent"}},
        "layer": [
            {
                "mark": {"type": "point", "filled": True, "opacity": 0.55, "size": size},
                "encoding": {
                    "color": _state_colour(str(point["state"]) for point in points),
                    "tooltip": shown,
                },
            },
            {
                "transform": [{"filter": "datum.best !== null"}],
                "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2.2},
                # The second colour of the page, whatever that is in light and dark.
                "encoding": {
                    "y": y | {"field": "best"},
                    "color": {
                        "datum": "best so far",
                        "scale": {"domain": ["", "best so far"]},
                        "legend": None,
                    },
                },
            },
        ],
    }


def _trade_off_chart(
    first: Objective, second: Objective, points: list[dict[str, Any]]
) -> dict[str, Any]:
    names = [shorten(f"{each.name} ({each.direction})", 60) for each in (first, second)]
    x = value_axis("x", [point["x"] for point in points], names[0])
    y = value_axis("y", [point["y"] for point in points], names[1])
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": ["surpassed", "not surpassed"]},
        "legend": {"orient": "top", "title": None},
    }
    # Between two of them the better one in x says what can be had.
    step = "step-after" if first.direction == "minimize" else "step-before"
    shown = tip(("x", first.name, ".6g"), ("y", second.name, ".6g"))
    return {
        "$schema": SCHEMA,
        "width": 520,
        "height": 320,
        "data": {"values": points},
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "transform": [{"filter": "datum.kind === 'not surpassed'"}],
                "mark": {"type": "line", "interpolate": step, "opacity": 0.6},
                "encoding": {"color": colour},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 50, "opacity": 0.75},
                "encoding": {"color": colour, "tooltip": shown},
            },
        ],
    }


def _timeline_chart(
    bars: list[dict[str, Any]], pauses: list[dict[str, Any]], lanes: int, unit: str
) -> dict[str, Any]:
    x: dict[str, Any] = {"field": "from", "type": "quantitative", "title": unit}
    x |= {"axis": {"grid": False, "tickCount": 10}, "scale": {"nice": False}}
    y: dict[str, Any] = {"field": "lane", "type": "ordinal", "title": None, "axis": None}
    y["scale"] = {"paddingInner": 0.12, "domain": list(range(lanes))}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": bars},
            "mark": {"type": "bar", "cornerRadius": 2 if len(bars) <= 200 else 0},  # noqa: PLR2004
            "encoding": {
                "x": x,
                "x2": {"field": "to"},
                "y": y,
                "color": _state_colour(str(bar["state"]) for bar in bars),
                "tooltip": tip(("state", "state", "")),
            },
        }
    ]
    if pauses:
        at = {"field": "at", "type": "quantitative"}
        layers.append(
            {
                "data": {"values": pauses},
                "mark": {"type": "rule", "strokeDash": [4, 3]},
                "encoding": {"x": at, "tooltip": {"field": "text", "type": "nominal"}},
            }
        )
        layers.append(
            texts(pauses, {"align": "left", "dx": 4, "baseline": "bottom", "fontSize": 11})
            | {"encoding": {"x": at, "y": {"value": -3}, "text": {"field": "text"}}}
        )
    step = 22 if lanes <= 8 else max(4, 180 // lanes)  # noqa: PLR2004 - a few workers, or many
    return {"$schema": SCHEMA, "width": WIDTH, "height": lanes * step, "layer": layers}
