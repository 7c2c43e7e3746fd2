"""The summary's files in a sweep's folder, written anew as often as somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._files import write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra.sweep.summary.page import render_page
from brevetti_hydra.sweep.summary.table import csv_text, sweep_fields

if TYPE_CHECKING:
    from brevetti_hydra.sweep.summary.view import SweepView

__all__ = ["write_summary"]


def write_summary(view: SweepView, *, now: float) -> None:
    """Write `summary.csv`, `summary.json` and `summary.html`, each as a whole.

    Args:
        view: The sweep.
        now: The time of day, in seconds since 1970 UTC.

    Raises:
        StorageWriteError: The folder cannot be written.
    """
    folder = view.folder
    contents = {
        folder.summary_csv: csv_text(view).encode("utf-8", "backslashreplace"),
        folder.summary_json: json_bytes(sweep_fields(view), indent=1) + b"\n",
        folder.summary_page: render_page(view, now=now).encode("utf-8", "backslashreplace"),
    }
    for path, content in contents.items():
        # They can be made again at any time.
        write_whole(path, content, point="summary.written", durable=False)
