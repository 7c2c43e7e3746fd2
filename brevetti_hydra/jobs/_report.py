"""What the classifier says about itself: scores, charts and the report page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.jobs._training import Samples

__all__ = ["Scores", "render_report", "score_predictions"]

_MOST_MISTAKES = 18


class Scores(NamedTuple):
    """How well predictions fit.

    Attributes:
        accuracy: Share of the images whose category was found, 0 to 1.
        macro_f1: Mean over the categories of the F1 score, 0 to 1.
        loss: Mean of -log(probability of the true category).
        counts: int64 [true, predicted].
    """

    accuracy: float
    macro_f1: float
    loss: float
    counts: NDArray[np.int64]


def score_predictions(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Scores:
    """Compare predictions with what is true.

    Args:
        probabilities: float32 [N, categories].
        labels: int64 [N].
    """
    size = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    _, _, f1 = _per_category(counts)
    sure = probabilities[np.arange(len(labels)), labels].clip(min=1e-12)
    return Scores(
        accuracy=float((predicted == labels).mean()),
        macro_f1=float(f1.mean()),
        loss=float(-np.log(sure).mean()),
        counts=counts,
    )


def _per_category(
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give precision, recall and F1 of each category; 0 where there is nothing to divide by."""
    hits = counts.diagonal().astype(np.float64)
    precision = hits / counts.sum(axis=0).clip(min=1)
    recall = hits / counts.sum(axis=1).clip(min=1)
    f1 = 2 * precision * recall / (precision + recall).clip(min=1e-12)
    return precision, recall, f1


def render_report(
    *,
    categories: Sequence[str],
    train: Samples,
    devel: Samples,
    probabilities: NDArray[np.float32],
    scores: Scores,
    charts: Mapping[str, Mapping[str, Any]],
    settings: Sequence[tuple[str, object]],
    producer: str,
) -> str:
    """Write the report page.

    Args:
        categories: All categories, sorted.
        train: What was learnt from.
        devel: What was held out.
        probabilities: float32 [devel, categories].
        scores: Of the held-out images.
        charts: `learning_curve` and `confusion_matrix`.
        settings: Names and values.
        producer: What made the page.

    Returns:
        HTML.
    """
    from brevetti_hydra._text import plural
    from brevetti_hydra.interfaces.page import Page

    page = Page(
        "Image classifier",
        subtitle=f"{len(categories)} categories, {plural(len(train.labels), 'image')} to learn "
        f"from, {len(devel.labels)} held out",
        footer=f"Made by {producer}. This page holds all that it shows.",
    )
    page.facts(
        {
            "accuracy": scores.accuracy,
            "macro F1": scores.macro_f1,
            "loss": scores.loss,
            "mistakes": int(len(devel.labels) - scores.counts.trace()),
        }
    )
    page.heading("Learning curve")
    page.chart(
        charts["learning_curve"],
        caption="By epoch: loss of the varied training images and of the held-out ones (devel), "
        "and accuracy on the held-out ones.",
    )
    page.heading("Confusion matrix")
    page.chart(
        charts["confusion_matrix"],
        caption="Held-out images: a row for each true category, a column for what it was taken "
        "for. The colour is the share of the row.",
    )
    page.heading("Categories")
    measures = zip(*_per_category(scores.counts), strict=True)
    learnt = np.bincount(train.labels, minlength=len(categories))
    page.table(
        ["category", "learnt from", "held out", "precision", "recall", "F1"],
        [
            [name, int(learnt[index]), int(scores.counts[index].sum()), *map(float, values)]
            for index, (name, values) in enumerate(zip(categories, measures, strict=True))
        ],
    )
    _add_mistakes(page, categories, devel, probabilities)
    page.heading("Settings")
    page.table(["setting", "value"], settings)
    return page.render()


def _add_mistakes(
    page: Any, categories: Sequence[str], devel: Samples, probabilities: NDArray[np.float32]
) -> None:
    """Show the held-out images that were wrong, the surest first."""
    from brevetti_hydra.interfaces.page import Picture
    from brevetti_hydra.jobs._images import write_png

    page.heading("Mistakes")
    predicted = probabilities.argmax(axis=1)
    wrong = (predicted != devel.labels).nonzero()[0]
    if not len(wrong):
        page.paragraph("Every held-out image was recognised.")
        return
    surest = sorted(wrong.tolist(), key=lambda index: -float(probabilities[index].max()))
    page.paragraph(
        "Held-out images that were taken for something else, the surest mistakes first, as the "
        "classifier sees them."
    )
    page.gallery(
        Picture(
            write_png(devel.images[index]),
            f"{categories[devel.labels[index]]} taken for {categories[predicted[index]]} "
            f"({float(probabilities[index].max()):.0%})",
        )
        for index in surest[:_MOST_MISTAKES]
    )
