"""Ready charts: what they draw, and what they say when there is nothing to draw."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from brevetti_hydra.interfaces.charts import confusion_matrix, learning_curve


def sentence(chart: dict[str, Any]) -> str:
    assert "text" == chart["mark"]["type"]
    return str(chart["data"]["values"][0]["text"])


def test_losses_have_a_panel_of_their_own() -> None:
    """Losses and other metrics are drawn side by side, each with its points."""
    chart = learning_curve(
        [{"epoch": 1, "loss": 2.0, "accuracy": 0.5}, {"epoch": 2, "loss": 1.0, "accuracy": 0.75}]
    )

    assert [
        ("Loss", [("loss", 1, 2.0), ("loss", 2, 1.0)]),
        ("Metrics", [("accuracy", 1, 0.5), ("accuracy", 2, 0.75)]),
    ] == [
        (
            panel["title"],
            [(p["metric"], p["epoch"], p["value"]) for p in panel["data"]["values"]],
        )
        for panel in chart["hconcat"]
    ]


def test_only_what_was_reported_has_a_panel() -> None:
    """Without a loss there is no panel for losses."""
    chart = learning_curve([{"epoch": 1, "a.b[c]'\"": 2.0}])

    assert ["Metrics"] == [panel["title"] for panel in chart["hconcat"]]


@pytest.mark.parametrize("history", [[], [{"epoch": 1}], [{"epoch": 1, "loss": math.nan}]])
def test_no_history_is_a_sentence(history: list[dict[str, float]]) -> None:
    """Without a single number there is a sentence in the plot's place."""
    assert "No epoch has been reported yet." == sentence(learning_curve(history))


def test_cells_know_their_share_of_the_row() -> None:
    """A cell's share is of its true category, and a category without images has none."""
    chart = confusion_matrix([[3, 1, 0], [0, 0, 0], [0, 0, 2]], ["a", "b", "c"])

    cells = {(c["true"], c["predicted"]): (c["count"], c["share"]) for c in chart["data"]["values"]}
    assert 9 == len(cells)
    assert ((3, 0.75), (1, 0.25), (0, 0.0), (2, 1.0)) == (
        cells["a", "a"],
        cells["a", "b"],
        cells["b", "b"],
        cells["c", "c"],
    )


def test_an_empty_matrix_is_a_sentence() -> None:
    """Without a count there is a sentence in the plot's place."""
    expected = "No image has been held out, so there is nothing to compare."

    assert [expected, expected] == [
        sentence(confusion_matrix([], [])),
        sentence(confusion_matrix([[0, 0], [0, 0]], ["a", "b"])),
    ]


def test_counts_of_another_shape_are_refused() -> None:
    """A matrix that does not fit its categories is not drawn."""
    with pytest.raises(ValueError, match="a confusion matrix of 2 categories has 2 x 2 counts"):
        confusion_matrix([[1, 2]], ["a", "b"])


def test_large_matrices_have_no_numbers() -> None:
    """Above two dozen categories the cells are too small for texts."""
    names = [str(number) for number in range(30)]
    chart = confusion_matrix([[1] * 30] * 30, names)

    assert ["rect"] == [layer["mark"]["type"] for layer in chart["layer"]]


def test_charts_are_json() -> None:
    """Charts hold nothing that JSON cannot."""
    charts = [
        learning_curve([{"epoch": 1, "loss": 1.0}]),
        confusion_matrix([[1, 0], [0, 1]], ["</script>", "\udcff"]),
    ]

    assert charts == json.loads(json.dumps(charts, allow_nan=False))
