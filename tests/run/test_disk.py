"""A full disk: progress is counted and training goes on; a state that is not kept is a failure."""

from __future__ import annotations

import errno
import json
import os
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra._files import write_new, write_whole
from brevetti_hydra.errors import StorageWriteError
from brevetti_hydra.record import RunState
from brevetti_hydra.run.annotate import set_note
from brevetti_hydra.run.events import Warned
from brevetti_hydra.run.history import read_record
from brevetti_hydra.run.journal import read_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from brevetti_hydra.run import RunContext

    from .conftest import Starter


@contextmanager
def no_room_beyond(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk; a line that crosses it is cut."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def size_of(context: RunContext) -> int:
    return context.folder.journal.stat().st_size


def test_training_goes_on_without_its_progress(starter: Starter) -> None:
    """Progress that does not fit is counted, warned of once, and does not stop the job."""
    seen: list[Any] = []
    context = starter.context(observers=[seen.append])

    def work(run: RunContext) -> None:
        run.report_progress(1, {"loss": 1.0})
        with no_room_beyond(size_of(run) + 60):
            for epoch in range(2, 12):
                run.report_progress(epoch, {"loss": 1 / epoch})
        run.report_progress(12, {"loss": 0.5})

    record = starter.run(context, work)

    assert (RunState.COMPLETED, 10, 12) == (record.state, record.unwritten_events, record.epoch)
    assert 1 == len([event for event in seen if isinstance(event, Warned)])
    assert record == read_record(context.folder)


def test_a_cut_line_is_mended(starter: Starter) -> None:
    """What a full disk has cut is marked, and all lines after it can be read."""

    def work(run: RunContext) -> None:
        with no_room_beyond(size_of(run) + 60):
            run.report_progress(1, {"loss": 1.0})
        run.report_progress(2, {"loss": 0.5})

    context = starter.start(work)

    content = context.folder.journal.read_bytes()
    epochs = [e["epoch"] for e in read_journal(context.folder.journal) if e["kind"] == "progress"]
    assert ([2], 1) == (epochs, content.count(b'{"kind":"mended",'))


def test_a_metric_that_does_not_fit_is_still_in_the_record(starter: Starter) -> None:
    """An output metric that the journal did not take stands in the sealed record."""

    def work(run: RunContext) -> None:
        with no_room_beyond(size_of(run)):
            run.add_output_metric("accuracy", 0.5)

    record = starter.start(work).record

    assert ({"accuracy": 0.5}, 1) == (record.metrics, record.unwritten_events)


def test_a_state_that_is_not_kept_is_a_failure(starter: Starter) -> None:
    """When the end of a run cannot be written, start() raises; others find the run lost."""
    context = starter.context()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def work(run: RunContext) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_of(run), hard))

    try:
        with pytest.raises(StorageWriteError) as caught:
            starter.run(context, work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert RunState.FAILED is context.state
    assert any("could not be sealed" in note for note in caught.value.__notes__)
    # Its process lives on, and yet nobody takes it to be at work.
    assert RunState.LOST is read_record(context.folder).state


def test_a_record_that_is_not_kept_is_completed_by_readers(starter: Starter) -> None:
    """The journal has the state: record.json may stay behind, and a reader completes it."""
    context = starter.context()

    def work(run: RunContext) -> None:
        # A folder in its place: no record can be renamed there.
        run.folder.record.unlink()
        run.folder.record.mkdir()
        (run.folder.record / "x").touch()

    record = starter.run(context, work)
    (context.folder.record / "x").unlink()
    context.folder.record.rmdir()

    assert RunState.COMPLETED is record.state
    assert RunState.COMPLETED is read_record(context.folder).state
    assert RunState.COMPLETED.value == json.loads(context.folder.record.read_text())["state"]


def test_run_log_may_have_a_gap(starter: Starter) -> None:
    """Output that does not fit is left out of run.log with a warning; the job goes on."""

    def work(run: RunContext) -> None:
        with no_room_beyond(max(size_of(run), 8192)):
            run._session.log.write(b"x" * 20_000)  # type: ignore[union-attr]

    context = starter.start(work)

    warned = [e["text"] for e in read_journal(context.folder.journal) if e["kind"] == "warned"]
    assert RunState.COMPLETED is context.record.state
    assert ["run.log lacks"] == [text[:13] for text in warned]


def test_a_completion_that_the_disk_did_not_confirm_is_revoked(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `completed` that stands in the journal, but whose sync failed, does not count."""
    context = starter.context()
    sync = os.fdatasync

    def fails_once(descriptor: int) -> None:
        if b'"completed"' in context.folder.journal.read_bytes():
            monkeypatch.setattr(os, "fdatasync", sync)
            raise OSError(errno.EIO, "input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", fails_once)
    with pytest.raises(StorageWriteError):
        starter.run(context, lambda _: None)
    context.folder.record.unlink()

    assert RunState.FAILED is read_record(context.folder).state
    seqs = [event["seq"] for event in read_journal(context.folder.journal)]
    assert list(range(1, len(seqs) + 1)) == seqs


def test_a_record_of_what_was_revoked_is_replayed_anew(starter: Starter) -> None:
    """A reader had sealed a completion that its writer then revoked: the record follows."""
    context = starter.start(lambda _: None)
    set_note(context.folder, "kept")
    *_, last = read_journal(context.folder.journal)
    lines = [{"kind": "mended", "seq": last["seq"] - 1}, {**last, "state": "failed"}]
    with context.folder.journal.open("a") as stream:
        stream.writelines(f"\n{json.dumps(line)}\n" for line in lines)

    record = read_record(context.folder)

    assert (RunState.FAILED, "kept") == (record.state, record.note)


@pytest.mark.parametrize("whole", [True, False])
def test_the_first_refusal_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """A file system that takes no writing takes no clean-up either."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "unlink", refuse)
    monkeypatch.setattr(os, "fsync", refuse)

    def write() -> None:
        if whole:
            write_whole(tmp_path / "file", b"x", point="test")
            return
        with write_new(tmp_path / "file", point="test") as stream:
            stream.write(b"x")

    with pytest.raises(StorageWriteError) as caught:
        write()

    assert (f"cannot write '{tmp_path / 'file'}'", ("read-only file system",)) == (
        caught.value.message,
        caught.value.notes,
    )
