"""The journal: lines that are only ever appended."""

from __future__ import annotations

import errno
import json
import math
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra._clock import format_utc
from brevetti_hydra.errors import InvalidMetricError, RecordUnreadableError, StorageWriteError
from brevetti_hydra.run.journal import JournalWriter, last_seq, read_journal, read_tail
from brevetti_hydra.run.metrics import check_metric_name, metric_json, metric_key, to_metric

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    """A clock that stands still."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def writer(path: Path, *, seq: int = 0) -> JournalWriter:
    return JournalWriter(path, attempt=1, seq=seq, clock=Clock(1_800_000_000.25))


def test_lines_are_numbered_json(tmp_path: Path) -> None:
    """Each event is one line with its number, attempt, time and kind."""
    path = tmp_path / "journal.jsonl"
    journal = writer(path)
    journal.append("metric", {"name": "a\nb", "value": 1}, point="metric.written", durable=True)
    journal.append_progress(2, '{"loss":0.5}')
    journal.close()

    at = "2027-01-15T08:00:00.250Z"
    assert [
        {"seq": 1, "attempt": 1, "at": at, "kind": "metric", "name": "a\nb", "value": 1},
        {
            "seq": 2,
            "attempt": 1,
            "at": at,
            "kind": "progress",
            "epoch": 2,
            "metrics": {"loss": 0.5},
        },
    ] == read_journal(path)
    assert 2 == path.read_bytes().count(b"\n")


@given(st.floats(0, 4e9))
def test_times_are_those_of_format_utc(
    tmp_path_factory: pytest.TempPathFactory, seconds: float
) -> None:
    """The quick way to spell a time agrees with the ordinary one, to the millisecond."""
    path = tmp_path_factory.getbasetemp() / "stamps.jsonl"
    journal = JournalWriter(path, attempt=1, seq=0, clock=Clock(seconds))
    stamp = journal.stamp()
    journal.close()

    assert format_utc(math.floor(seconds * 1000) / 1000)[:19] == stamp[:19]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_tolerated(tmp_path: Path, cut: int) -> None:
    """A line whose writer died in the midst of it does not count."""
    path = tmp_path / "journal.jsonl"
    journal = writer(path)
    journal.append_progress(1, "{}")
    first = path.stat().st_size
    journal.append_progress(2, "{}")
    journal.close()
    path.write_bytes(path.read_bytes()[: first + cut])

    assert ([1], first) == ([e["epoch"] for e in read_journal(path)], read_tail(path, 0)[1])


def test_the_next_writer_mends_a_torn_line(tmp_path: Path) -> None:
    """After a torn line the next writer begins a new one and marks the old one."""
    path = tmp_path / "journal.jsonl"
    journal = writer(path)
    journal.append_progress(1, "{}")
    journal.close()
    with path.open("ab") as stream:
        stream.write(b'{"seq":2,"att')

    after = writer(path, seq=last_seq(read_journal(path)))
    after.append_progress(2, "{}")
    after.append_progress(3, "{}")
    after.close()

    events = [(event["seq"], event["epoch"]) for event in read_journal(path)]
    assert [(1, 1), (2, 2), (3, 3)] == events


def test_a_torn_line_in_the_middle_is_damage(tmp_path: Path) -> None:
    """A line that nobody mended is an error that names the file."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"seq":1,"kind":"a"}\n{"seq":2,"ki\n{"seq":3,"kind":"a"}\n')

    with pytest.raises(RecordUnreadableError) as caught:
        read_journal(path)

    assert f"'{path}' is damaged" == caught.value.message


def test_what_is_no_object_is_damage(tmp_path: Path) -> None:
    """A JSON value that is no object is no event."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'5\n{"seq":1,"kind":"a"}\n')

    with pytest.raises(RecordUnreadableError):
        read_journal(path)


def test_reading_goes_on_where_it_ended(tmp_path: Path) -> None:
    """A tail that is read from the end of the last one gives each event once."""
    path = tmp_path / "journal.jsonl"
    journal = writer(path)
    journal.append_progress(1, "{}")
    _, end = read_tail(path, 0)
    journal.append_progress(2, "{}")
    journal.close()

    events, last = read_tail(path, end)

    assert ([2], [], last) == ([e["epoch"] for e in events or []], *read_tail(path, last))


def test_a_missing_journal_is_empty(tmp_path: Path) -> None:
    """Where no journal is, there are no events."""
    assert [] == read_journal(tmp_path / "none.jsonl")


@given(st.floats(), st.text())
def test_metrics_survive_the_journal(value: float, name: str) -> None:
    """Any float under any name comes back as it was, NaN and the infinities too."""
    found = json.loads(f"{{{metric_key(name)}:{metric_json(value)}}}")

    back = float(found[name])
    assert (value, math.isnan(value)) == (back, math.isnan(back)) or math.isnan(value)


class Scalar:
    """A scalar as arrays have them."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def item(self) -> Any:
        return self.value


def test_numbers_of_many_kinds_are_metrics() -> None:
    """Python's numbers and scalars of NumPy become floats."""
    from decimal import Decimal
    from fractions import Fraction

    import numpy as np

    given: list[Any] = [
        *(1, True, 0.5, Decimal("0.5"), Fraction(1, 2), Scalar(0.5), Scalar(True)),
        *(np.float32(0.5), np.int64(3), np.bool_(True), np.array(0.5), np.array([2])),
    ]

    expected = [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 1.0, 0.5, 3.0, 1.0, 0.5, 2.0]
    assert expected == [to_metric("m", value) for value in given]
    assert {float} == {type(to_metric("m", value)) for value in given}


@pytest.mark.parametrize("value", ["0.5", b"1", None, 1j, [1.0], 10**400, Scalar("1"), object()])
def test_anything_else_is_no_metric(value: Any) -> None:
    """What is no single number is refused, and the metric named."""
    with pytest.raises(InvalidMetricError) as caught:
        to_metric("loss", value)

    assert f"metric 'loss' must be a number, but is {type(value).__name__}" == caught.value.message


def test_an_array_of_several_values_is_no_metric() -> None:
    """An array is refused with the way to make one number of it."""
    import numpy as np

    with pytest.raises(InvalidMetricError) as caught:
        to_metric("loss", np.array([1.0, 2.0]))

    assert "give one number, for example float(x.mean())" == caught.value.hint


@pytest.mark.parametrize("name", ["", " ", "epoch", "a\nb", "\x1b[0m", "x" * 201, 5, None])
def test_names_that_cannot_be_shown_are_refused(name: Any) -> None:
    """A metric's name is a printable text, and not 'epoch'."""
    with pytest.raises(InvalidMetricError):
        check_metric_name(name)


@pytest.mark.parametrize("name", ["loss", "val/loss", "a b", "ü", "größe 'x'", "日本"])
def test_ordinary_names_are_taken(name: str) -> None:
    """Names may hold spaces, slashes, quotes and any script."""
    check_metric_name(name)


def test_a_last_line_without_its_line_feed_never_counts(tmp_path: Path) -> None:
    """What readers left out at first is left out for ever, and numbers do not repeat."""
    path = tmp_path / "journal.jsonl"
    journal = writer(path)
    journal.append_progress(1, "{}")
    journal.append_progress(2, "{}")
    journal.close()
    path.write_bytes(path.read_bytes()[:-1])
    before = [event["seq"] for event in read_journal(path)]

    after = writer(path, seq=last_seq(read_journal(path)))
    after.append_progress(3, "{}")
    after.close()

    events = [(event["seq"], event["epoch"]) for event in read_journal(path)]
    assert ([1], [(1, 1), (2, 3)]) == (before, events)


def test_a_line_that_is_not_known_to_be_on_disk_is_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that stands there whole, but whose append raised, is as if it never was."""
    path = tmp_path / "journal.jsonl"
    journal = writer(path)
    journal.append_progress(1, "{}")

    def fails(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fails)
        with pytest.raises(StorageWriteError):
            journal.append("state", {"state": "completed"}, point="state.completed", durable=True)
    at_once = [event["kind"] for event in read_journal(path)]
    journal.append("state", {"state": "failed"}, point="state.failed", durable=True)
    journal.close()

    found = [(event["seq"], event.get("state")) for event in read_journal(path)]
    assert (["progress"], [(1, None), (2, "failed")]) == (at_once, found)
    assert b'"completed"' in path.read_bytes()


def test_a_line_of_which_nothing_was_written_revokes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk takes no byte at all, the line before stays."""
    path = tmp_path / "journal.jsonl"
    journal = writer(path)
    journal.append_progress(1, "{}")

    def fails(_descriptor: int, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fails)
        with pytest.raises(StorageWriteError):
            journal.append_progress(2, "{}")
    journal.append_progress(3, "{}")
    journal.close()

    assert [(1, 1), (2, 3)] == [(event["seq"], event["epoch"]) for event in read_journal(path)]


@given(st.lists(st.integers(0, 200), max_size=12))
def test_a_disk_may_refuse_any_number_of_times(
    tmp_path_factory: pytest.TempPathFactory, rooms: list[int]
) -> None:
    """However often and wherever lines are cut, revoking lines too, the others can be read."""
    path = tmp_path_factory.getbasetemp() / "refused.jsonl"
    path.unlink(missing_ok=True)
    journal = writer(path)
    kept = []
    write = os.write

    for epoch, room in enumerate([10_000, *rooms, 10_000]):
        left = room

        def cut(descriptor: int, content: bytes) -> int:
            nonlocal left
            if left == 0:
                raise OSError(errno.ENOSPC, "no space left")
            count = write(descriptor, content[:left])
            left -= count
            return count

        with pytest.MonkeyPatch.context() as patched, suppress(StorageWriteError):
            patched.setattr(os, "write", cut)
            journal.append_progress(epoch, "{}")
            kept.append(epoch)
    journal.close()

    events = read_journal(path)
    assert kept == [event["epoch"] for event in events]
    assert list(range(1, len(kept) + 1)) == [event["seq"] for event in events]


def test_a_reader_is_told_when_what_it_read_was_revoked(tmp_path: Path) -> None:
    """Where a line before the reader's place was revoked, everything has to be read anew."""
    path = tmp_path / "journal.jsonl"
    journal = writer(path)
    journal.append_progress(1, "{}")
    journal.append_progress(2, "{}")
    journal.close()
    _, end = read_tail(path, 0)
    with path.open("ab") as stream:
        stream.write(b'\n{"kind":"mended","seq":1}\n')

    assert (None, [1]) == (read_tail(path, end)[0], [e["epoch"] for e in read_journal(path)])
