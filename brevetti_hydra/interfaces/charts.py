"""Ready charts as Vega-Lite specifications: plain dicts with their data inside.

They are made without a chart library, draw in a `Page`, on the platform's page and in any
Vega-Lite editor, and give a sentence where there is nothing to draw.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["confusion_matrix", "learning_curve"]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

# Names up to this length stand upright below the columns.
_SHORT_NAME = 5

# Above this many categories the cells are too small for their counts.
_MOST_CELL_TEXTS = 24


def learning_curve(history: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Draw metrics over epochs: losses in one panel, everything else in another.

    Args:
        history: A mapping for each epoch: `epoch` and its metrics. Metrics that are not finite
            are left out.

    Returns:
        A Vega-Lite specification.
    """
    points = [
        {"epoch": row["epoch"], "metric": name, "value": value}
        for row in history
        for name, value in row.items()
        if name != "epoch" and math.isfinite(value)
    ]
    if not points:
        return _sentence("No epoch has been reported yet.")
    names = list(dict.fromkeys(str(point["metric"]) for point in points))
    losses = [name for name in names if "loss" in name.lower()]
    others = [name for name in names if name not in losses]
    panels = [
        _panel(title, panel_names, [point for point in points if point["metric"] in panel_names])
        for title, panel_names in (("Loss", losses), ("Metrics", others))
        if panel_names
    ]
    return {
        "$schema": _SCHEMA,
        "hconcat": panels,
        "spacing": 36,
        "resolve": {"scale": {"color": "independent"}},
    }


def _panel(title: str, names: list[str], points: list[dict[str, Any]]) -> dict[str, Any]:
    """One panel of a learning curve; metric names are data here, never field names."""
    x = {
        "field": "epoch",
        "type": "quantitative",
        "title": "epoch",
        "axis": {"tickMinStep": 1, "format": "d", "grid": False},
        "scale": {"nice": False},
    }
    y = {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}}
    colour = {
        "field": "metric",
        "type": "nominal",
        "sort": names,
        "title": None,
        "legend": {"orient": "top", "symbolType": "stroke"},
    }
    tip = [
        {"field": "metric", "type": "nominal"},
        {"field": "epoch", "type": "quantitative"},
        {"field": "value", "type": "quantitative", "format": ".4f"},
    ]
    near = f"near_{title.lower()}"
    return {
        "title": title,
        "width": 390,
        "height": 230,
        "data": {"values": points},
        "encoding": {"x": x, "y": y, "color": colour},
        # Without it the points, which are invisible, would stand in the legend once more.
        "resolve": {"legend": {"color": "independent"}, "scale": {"color": "shared"}},
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 2, "interpolate": "monotone"}},
            {
                # Wide invisible points carry the tooltip; they show under the pointer.
                "params": [
                    {
                        "name": near,
                        "select": {
                            "type": "point",
                            "on": "pointerover",
                            "clear": "pointerout",
                            "nearest": True,
                        },
                    }
                ],
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {
                    "color": colour | {"legend": None},
                    "opacity": {
                        "condition": {"param": near, "empty": False, "value": 1},
                        "value": 0,
                    },
                    "tooltip": tip,
                },
            },
        ],
    }


def confusion_matrix(counts: Sequence[Sequence[int]], categories: Sequence[str]) -> dict[str, Any]:
    """Draw how often each category was taken for each other.

    A cell's colour is its share of the true category, so that rare categories count as much.

    Args:
        counts: `counts[true][predicted]`, in the order of the categories.
        categories: The names of the categories.

    Returns:
        A Vega-Lite specification.

    Raises:
        ValueError: The counts are no square of the categories' size.
    """
    size = len(categories)
    if len(counts) != size or any(len(row) != size for row in counts):
        raise ValueError(f"a confusion matrix of {size} categories has {size} x {size} counts")
    cells = [
        {
            "true": true,
            "predicted": predicted,
            "count": int(count),
            "share": int(count) / max(1, int(sum(row))),
        }
        for true, row in zip(categories, counts, strict=True)
        for predicted, count in zip(categories, row, strict=True)
    ]
    if not any(cell["count"] for cell in cells):
        return _sentence("No image has been held out, so there is nothing to compare.")
    return _matrix(cells, list(categories))


def _matrix(cells: list[dict[str, Any]], categories: list[str]) -> dict[str, Any]:
    axis = {"labelAngle": 0, "grid": False, "ticks": False, "domain": False, "labelLimit": 160}
    encoding = {
        "x": {
            "field": "predicted",
            "type": "nominal",
            "sort": categories,
            "title": "predicted category",
            "axis": axis
            | ({} if all(len(name) <= _SHORT_NAME for name in categories) else {"labelAngle": -45}),
        },
        "y": {
            "field": "true",
            "type": "nominal",
            "sort": categories,
            "title": "true category",
            "axis": axis,
        },
    }
    tip = [
        {"field": "true", "type": "nominal", "title": "true category"},
        {"field": "predicted", "type": "nominal", "title": "predicted"},
        {"field": "count", "type": "quantitative", "title": "images"},
        {"field": "share", "type": "quantitative", "title": "share of the true", "format": ".1%"},
    ]
    colour = {
        "field": "share",
        "type": "quantitative",
        "title": "share of the true category",
        "scale": {"domain": [0, 1]},
        "legend": {"format": ".0%", "gradientLength": 160, "tickCount": 2},
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rect", "cornerRadius": 3, "strokeWidth": 0},
            "encoding": {"color": colour, "tooltip": tip},
        }
    ]
    if len(categories) <= _MOST_CELL_TEXTS:
        layers.append(_cell_texts())
    step = 38 if len(categories) <= _MOST_CELL_TEXTS else 14
    return {
        "$schema": _SCHEMA,
        "data": {"values": cells},
        "width": {"step": step},
        "height": {"step": step},
        "encoding": encoding,
        "layer": layers,
        "config": {"scale": {"bandPaddingInner": 0.06}},
    }


def _cell_texts() -> dict[str, Any]:
    # Zeros are left out: a reader looks for what was confused.
    return {
        "transform": [{"filter": {"field": "count", "gt": 0}}],
        "mark": {"type": "text", "fontSize": 12, "tooltip": None},
        "encoding": {
            "text": {"field": "count", "type": "quantitative"},
            # Elsewhere the text's colour is that of the page or of the editor.
            "color": {"condition": {"test": {"field": "share", "gt": 0.5}, "value": "white"}},
        },
    }


def _sentence(text: str) -> dict[str, Any]:
    """Say why there is no plot, in the place of the plot."""
    return {
        "$schema": _SCHEMA,
        "data": {"values": [{"text": text}]},
        "mark": {"type": "text", "align": "left", "fontSize": 14, "fontStyle": "italic"},
        "encoding": {
            "x": {"value": 0},
            "text": {"field": "text", "type": "nominal"},
        },
        "width": 480,
        "height": 30,
    }
