"""What the charts of a sweep have in common: sizes, tooltips, texts, axes of values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import shorten
from brevetti_hydra.sweep.summary.scales import is_log, value_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.sweep.summary.view import TrialView

__all__ = ["MOST_DRAWN", "SCHEMA", "WIDTH", "about", "texts", "tip", "value_axis"]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
WIDTH = 820

# More lines or points than that are one area; charts say what they leave out.
MOST_DRAWN = 1500

_ABOUT_CHARACTERS = 240


def about(trial: TrialView) -> str:
    """Name a trial by its settings, shortly."""
    settings = " ".join(f"{key}={value_label(v)}" for key, v in trial.planned.varied.items())
    return shorten(settings or trial.short_id, _ABOUT_CHARACTERS)


def tip(*fields: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Give the tooltip of a trial: its number, then what the chart shows, then its settings."""
    shown = [("trial", "trial", "d"), *fields, ("about", "settings", "")]
    return [
        {"field": name, "title": title, "type": "quantitative" if form else "nominal"}
        | ({"format": form} if form else {})
        for name, title, form in shown
    ]


def texts(
    values: list[dict[str, Any]], mark: dict[str, Any], **encoding: dict[str, Any]
) -> dict[str, Any]:
    """Give a layer of texts: a row each, with its `text`."""
    return {
        "data": {"values": values},
        "mark": {"type": "text", "baseline": "middle", "tooltip": None} | mark,
        "encoding": {"text": {"field": "text", "type": "nominal"}} | encoding,
    }


def value_axis(name: str, values: Sequence[float], title: str | None = None) -> dict[str, Any]:
    """Give an axis of results: without zero, and by logarithm where they are far apart."""
    scale: dict[str, Any] = {"zero": False}
    if is_log(values):
        scale = {"type": "log"}
    return {"field": name, "type": "quantitative", "title": title, "scale": scale}
