"""What the summary leaves in a sweep's folder: a table, a document, a page."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.cli.sweep_documents import SweepResult
from brevetti_hydra.record import Failure, RunState
from brevetti_hydra.sweep.summary.files import write_summary
from brevetti_hydra.sweep.summary.page import render_page
from brevetti_hydra.sweep.summary.table import failures, group_table, trial_table
from brevetti_hydra.sweep.summary.view import read_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.sweep.folders import SweepFolder

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m"
NOW = 1_800_000_000.0


def some_ends() -> list[dict[str, Any]]:
    failure = Failure(type="ValueError", message=HOSTILE, traceback=f"Traceback\n{HOSTILE}\n")
    return [
        *(
            {
                "varied": {"lr": lr, "a.b[0]": HOSTILE},
                "metrics": {"accuracy": lr * 3, "f1": 0.1 + lr},
            }
            for lr in (0.1, 0.3, 0.2)
        ),
        {"varied": {"lr": 0.4}, "state": RunState.FAILED, "failure": failure},
        {"varied": {"lr": 0.5}, "state": RunState.FAILED, "failure": failure},
        {"varied": {"lr": 0.6}, "state": RunState.PRUNED, "progress": {"accuracy": 0.1}},
        {"varied": {"lr": 0.7}, "state": RunState.PLANNED},
    ]


def charts_of(page: str) -> list[Any]:
    found = re.findall(r'<script type="application/json" id="chart-\d+">(.*?)</script>', page)
    return [json.loads(text) for text in found]


def test_the_table_has_results_and_settings(make_sweep: Callable[..., SweepFolder]) -> None:
    """The best trial is first; what is the same in all trials has no column."""
    table = trial_table(read_sweep(make_sweep(some_ends())))

    assert ["#", "id", "state", "accuracy", "lr", "a.b[0]", "f1", "duration_s"] == table.columns
    assert [1, 2, 0, 5, 3, 4, 6] == [row[0] for row in table.rows]


def test_trials_that_failed_alike_stand_together(make_sweep: Callable[..., SweepFolder]) -> None:
    """Each traceback is told once, with every trial that it ended."""
    (failure,) = failures(read_sweep(make_sweep(some_ends())))

    assert [3, 4] == [trial.number for trial in failure.trials]
    assert failure.traceback.startswith("Traceback\n")


def test_the_csv_holds_every_trial(make_sweep: Callable[..., SweepFolder]) -> None:
    """A line a trial, numbers whole, texts without line feeds or what steers a terminal."""
    folder = make_sweep(some_ends())
    write_summary(read_sweep(folder), now=NOW)

    text = folder.summary_csv.read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))

    assert ["1", "2", "0", "5", "3", "4", "6"] == [row["number"] for row in rows]
    assert ("0.8999999999999999", "0.4", "0.1") == (
        rows[0]["accuracy"],
        rows[0]["metrics.f1"],
        rows[3]["progress.accuracy"],
    )
    assert 8 == len(text.splitlines())
    assert "\x1b" not in text


def test_the_document_follows_its_model(make_sweep: Callable[..., SweepFolder]) -> None:
    """summary.json is what the schema of `sweep summary` says."""
    folder = make_sweep(some_ends())
    write_summary(read_sweep(folder), now=NOW)

    result = SweepResult.model_validate_json(folder.summary_json.read_bytes())

    assert ("stopped", [1], 7) == (result.state, result.best, len(result.trials))
    assert {"accuracy": 0.1} == result.trials[3].values


def test_the_page_shows_everything_as_text(make_sweep: Callable[..., SweepFolder]) -> None:
    """Names and messages of users are text wherever they stand; each chart has its caption."""
    folder = make_sweep(some_ends())
    write_summary(read_sweep(folder), now=NOW)
    page = folder.summary_page.read_text(encoding="utf-8")

    assert "<img" not in page
    assert html.escape("</script><img src=x onerror=alert(1)>") in page
    assert ["Settings and results", "Best so far", "Timeline", "Trials", "Failed trials"] == [
        title for title in re.findall(r"<h2>(.*?)</h2>", page) if "best trial" not in title
    ]
    assert 3 == len(charts_of(page)) == page.count("<figcaption>")


def test_a_page_of_several_objectives(make_sweep: Callable[..., SweepFolder]) -> None:
    """Trials that none surpasses are told first, and the trade-off is drawn."""
    ends = [
        {"varied": {"lr": index}, "metrics": {"accuracy": index, "latency": 1 + index**2}}
        for index in range(4)
    ]
    view = read_sweep(make_sweep(ends, {"accuracy": "maximize", "latency": "minimize"}))

    page = render_page(view, now=NOW)

    assert "Trials that none surpasses" in page
    assert "Trade-off" in page
    assert 5 == len(charts_of(page))


def test_a_page_says_how_much_settings_matter(make_sweep: Callable[..., SweepFolder]) -> None:
    """Where a search knows it there is one chart more, and the weightiest axis is first."""
    ends = [{"varied": {"a": x, "b": -x}, "metrics": {"accuracy": x}} for x in (1, 2, 3)]
    view = read_sweep(make_sweep(ends))._replace(importances={"b": 0.9, "a": 0.1})

    parallel, *others = charts_of(render_page(view, now=NOW))

    assert ["b", "a", "accuracy"] == [
        name["text"] for name in parallel["layer"][0]["data"]["values"]
    ]
    assert 3 == len(others)


def test_without_objectives_every_metric_is_shown(make_sweep: Callable[..., SweepFolder]) -> None:
    """A metric that is the same everywhere is left out only beside what was searched for."""
    ends = [{"varied": {"lr": lr}, "metrics": {"accuracy": lr, "count": 3}} for lr in (1, 2)]

    with_one = trial_table(read_sweep(make_sweep(ends))).columns
    without = trial_table(read_sweep(make_sweep(ends, sweep_id="f" * 36, objectives={}))).columns

    assert ("count" in with_one, "count" in without) == (False, True)


def test_repeats_have_means(make_sweep: Callable[..., SweepFolder]) -> None:
    """What was repeated has a row with mean and spread; the seed is no setting to compare."""
    ends = [
        {"varied": {"lr": lr, "run.seed": seed}, "metrics": {"accuracy": lr + seed}, "repeat": seed}
        for lr in (0.25, 0.5)
        for seed in (0, 1)
    ]
    view = read_sweep(make_sweep(ends))

    table = group_table(view)
    parallel = charts_of(render_page(view, now=NOW))[0]

    assert table is not None
    assert ["completed", "accuracy mean", "± sd", "least", "greatest", "lr"] == table.columns
    assert ["2 of 2", 1.0, 0.5, 1.5, 0.5] == [v for i, v in enumerate(table.rows[0]) if i != 2]
    assert ["lr", "accuracy"] == [each["text"] for each in parallel["layer"][0]["data"]["values"]]


@pytest.mark.parametrize("ends", [[], [{"varied": {}, "state": RunState.PLANNED}]])
def test_a_page_of_nothing(make_sweep: Callable[..., SweepFolder], ends: list[Any]) -> None:
    """A sweep that has not begun has a page, without charts."""
    view = read_sweep(make_sweep(ends))

    assert [] == charts_of(render_page(view, now=NOW))


def test_a_page_without_objective(make_sweep: Callable[..., SweepFolder]) -> None:
    """Without anything to optimise, trials are compared by their settings and metrics."""
    ends = [{"varied": {"lr": lr}, "metrics": {"f1": lr}} for lr in (1, 2, 3)]
    view = read_sweep(make_sweep(ends, {}))

    assert ["#", "id", "state", "lr", "f1", "duration_s"] == trial_table(view).columns
    assert 2 == len(charts_of(render_page(view, now=NOW)))


def test_a_page_of_many_trials(make_sweep: Callable[..., SweepFolder]) -> None:
    """More lines than can be told apart are thinned, and the page says so."""
    few = read_sweep(make_sweep([{"varied": {"lr": 0.5}, "metrics": {"accuracy": 0.5}}]))
    (trial,) = few.trials
    trials = tuple(
        trial._replace(
            planned=trial.planned._replace(number=number, varied={"lr": number}),
            values=(number / 4000,),
        )
        for number in range(4000)
    )
    record = few.record.model_copy(update={"trials": 4000})

    page = render_page(few._replace(trials=trials, record=record), now=NOW)

    assert "The best trials and some of the rest, 1500 of 4000" in page
    assert "the first 500 of 4000; all of them stand in summary.csv" in page
    assert 1500 == len(charts_of(page)[0]["layer"][1]["data"]["values"])
