"""`brevetti-hydra runs`."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.record import Failure, RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_table(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """The newest run stands first, with state, job, main metrics, duration and overrides."""
    make_run(metrics={"accuracy": 0.9, "loss": 0.25, "f1": 0.5})
    make_run(state=RunState.FAILED, progress={"loss": 2.0}, duration_s=0.5, overrides=("a=\n1",))

    answer = call("runs")

    lines = [line.split() for line in answer.out.splitlines()]
    assert 0 == answer.code
    assert ["ID", "AGE", "STATE", "JOB", "METRICS", "DURATION", "OVERRIDES"] == lines[0]
    assert ["02ab000002", "failed", "classifier", "loss=2", "0.50s", "a=\\n1"] == [
        *lines[1][:1],
        *lines[1][2:],
    ]
    assert ["accuracy=0.9", "loss=0.25", "1m00s", "lr=0.01"] == lines[2][4:]


def test_no_runs_yet(call: Callable[..., Any], runs_dir: Path) -> None:
    """Where nothing ran, the listing says how to begin; a document is empty."""
    assert (0, "", "no runs in runs yet; start one: brevetti-hydra job=classifier\n") == call(
        "runs"
    )
    assert {"root": str(runs_dir), "total": 0, "runs": [], "sweeps": []} == call(
        "runs", "--json"
    ).document["result"]


def test_where_and_sort(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """Conditions are ANDed, and a column sorts both ways."""
    for value in (0.5, 0.9, 0.7, 0.95):
        make_run(metrics={"accuracy": value})

    answer = call(
        *("runs", "--where", "metrics.accuracy>0.6", "--where", "state=completed"),
        *("--sort", "-metrics.accuracy", "--columns", "accuracy", "--limit", "2"),
    )

    assert (0, "ACCURACY\n0.95\n0.9\n", "") == answer


def test_nothing_fulfils(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """An empty result, and a column that no run has, are said."""
    make_run(metrics={"accuracy": 0.5})

    answer = call("runs", "--where", "metrics.acuracy>0.6")

    assert (0, "") == (answer.code, answer.out)
    assert [
        "no run has 'metrics.acuracy'; a similar name exists: 'metrics.accuracy'",
        "none of 1 run fulfils the conditions",
    ] == answer.err.splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--where", "accuracy"], "error[usage]: cannot read the condition 'accuracy'"),
        (["--limit", "-1"], "error[usage]: '--limit' must not be negative"),
        (["--csv", "--json"], "error[usage]: '--csv' and '--json' exclude each other"),
        (["--columns", ","], "error[usage]: '--columns' names no column"),
        (["--colums", "id"], "error[usage]: no option '--colums'"),
    ],
)
def test_wrong_question(
    call: Callable[..., Any], make_run: Callable[..., Any], words: list[str], message: str
) -> None:
    """A question that cannot be answered ends in exit code 2."""
    make_run()

    answer = call("runs", *words)

    assert (2, message) == (answer.code, answer.err.splitlines()[0])


def test_csv(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """CSV has a column per metric and setting of any run."""
    make_run(metrics={"accuracy": 0.123456789})
    make_run(failure=Failure(type="ValueError", message="a,b\nc"), tags=("x", "y"))

    rows = list(csv.DictReader(io.StringIO(call("runs", "--csv").out)))

    assert ["02ab000002", "01ab000001"] == [row["id"] for row in rows]
    assert ["", "0.123456789"] == [row["metrics.accuracy"] for row in rows]
    assert ["32", "32"] == [row["settings.model.hidden"] for row in rows]
    assert "ValueError: a,b\\nc" == rows[0]["failure"]
    assert "x y" == rows[0]["tags"]


def test_csv_with_columns(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """Chosen columns are the columns of the CSV, too."""
    make_run(metrics={"accuracy": 0.5})

    assert (
        "id,accuracy,f1\n01ab000001,0.5,\n"
        == call("runs", "--csv", "--columns", "id,accuracy,f1").out
    )


def test_one_document(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """`--json` gives the records, NaN as text."""
    make_run(metrics={"accuracy": float("nan")})

    document = call("--json", "runs").document

    assert (1, "runs", True, []) == (
        document["format"],
        document["command"],
        document["ok"],
        document["errors"],
    )
    assert 1 == document["result"]["total"]
    assert {"accuracy": "NaN"} == document["result"]["runs"][0]["metrics"]


def test_document_lines(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """`--json=lines` gives a document per run."""
    make_run()
    make_run()

    documents = call("runs", "--json=lines").documents

    assert ["02ab000002", "01ab000001"] == [each["result"]["folder"][-10:] for each in documents]


def test_document_of_an_error(call: Callable[..., Any], runs_dir: Path) -> None:
    """A line that cannot be read answers with a document as well."""
    answer = call("runs", "--json", "--nonsense")

    assert 2 == answer.code
    assert (False, None) == (answer.document["ok"], answer.document["result"])
    assert "no option '--nonsense'" == answer.document["errors"][0]["message"]


def test_damaged_record(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """A damaged record is told of, and the others are listed."""
    make_run()
    damaged = make_run()
    damaged.record.write_text("{", encoding="utf-8")

    answer = call("runs", "--columns", "id")

    assert (0, "ID\n01ab000001\n") == (answer.code, answer.out)
    assert answer.err.startswith("left out: cannot read ")


@pytest.mark.parametrize(
    "edit",
    [
        {"created": "yesterday"},
        {"created": ""},
        {"created": "2026-13-45T99:99:99Z"},
        {"created": 5},
        {"state": "done"},
        {"duration_s": "x"},
        {"metrics": {"a": None}},
        {"format": 7},
        {"attempts": [3]},
        {"command": "x"},
    ],
)
def test_a_record_edited_by_hand_does_not_hide_the_others(
    edit: dict[str, Any], call: Callable[..., Any], make_run: Callable[..., Any]
) -> None:
    """The unreadable record is named in one line on stderr, and the list goes on."""
    make_run()
    broken = make_run()
    record = json.loads(broken.record.read_text()) | edit
    broken.record.write_text(json.dumps(record))

    answer = call("runs")

    assert 0 == answer.code
    assert "01ab000001" in answer.out
    assert "02ab000002" not in answer.out
    assert 1 == len(answer.err.splitlines())
    assert answer.err.startswith(f"left out: cannot read '{broken.record}'")
    assert 2 == call("show", "02ab").code
