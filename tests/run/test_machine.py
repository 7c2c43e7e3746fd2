"""The lifecycle as a state machine: attempts, looks, deaths and late writers in any order."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from brevetti_hydra._clock import format_utc
from brevetti_hydra._files import lock
from brevetti_hydra.errors import StaleAttemptError, WrongStateError
from brevetti_hydra.record import TRANSITIONS, Failure, JobRef, RunRecord, RunState
from brevetti_hydra.run.annotate import set_tags
from brevetti_hydra.run.claims import Claim
from brevetti_hydra.run.folders import RunFolder
from brevetti_hydra.run.journal import JournalWriter, last_seq, read_journal
from brevetti_hydra.run.liveness import ProcessMark
from brevetti_hydra.run.recorder import Recorder
from brevetti_hydra.run.settling import load_record, settle
from brevetti_hydra.run.states import Step, walk

LEASE_S = 60.0
ELSEWHERE = ProcessMark("another host", "another boot", 1, "1")
OPEN = {RunState.CREATED, RunState.RUNNING}
RESUMABLE = {RunState.FAILED, RunState.INTERRUPTED, RunState.LOST}


class FakeClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def planned(folder: RunFolder) -> RunRecord:
    return RunRecord(
        run_id="4f1c9a12-0000-4000-8000-0123456789ab",
        folder=folder.name,
        job=JobRef(name="a", target="m:A"),
        state=RunState.PLANNED,
        created=format_utc(0),
        seed=0,
        overrides=(),
        command=(),
        settings={},
        storage="storage",
    )


class Lifecycle(RuleBasedStateMachine):
    """One run, its attempts on other machines, and people who look at it."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = RunFolder(Path(self.scratch.name) / "20261123T101500Z-a-4f1c9a1200")
        self.folder.make()
        self.state = RunState.PLANNED
        self.attempts = 0
        self.progress: dict[str, float] = {}
        self.tags: tuple[str, ...] = ()
        self.active: Recorder | None = None
        self.stale: list[Recorder] = []

    def teardown(self) -> None:
        for recorder in [*self.stale, *([self.active] if self.active else [])]:
            recorder.close()
        self.scratch.cleanup()

    def now(self) -> str:
        self.clock.seconds += 1
        return format_utc(self.clock.seconds)

    def beat(self) -> None:
        os.utime(self.folder.claim, (self.clock.seconds, self.clock.seconds))
        if self.folder.journal.exists():
            os.utime(self.folder.journal, (self.clock.seconds, self.clock.seconds))

    def step(self, state: RunState, failure: Failure | None = None) -> None:
        assert self.active is not None
        step = Step(state, self.now(), self.attempts, ELSEWHERE, LEASE_S, failure)
        self.active.step(step)
        self.state = state
        self.beat()

    def begin(self, record: RunRecord) -> None:
        if self.active is not None:
            self.stale.append(self.active)
        with lock(self.folder.lock, point="run.locked"):
            self.attempts += 1
            claim = Claim(self.folder, self.attempts)
            seq = last_seq(read_journal(self.folder.journal))
            journal = JournalWriter(
                self.folder.journal, attempt=self.attempts, seq=seq, clock=self.clock
            )
        self.active = Recorder(self.folder, record, claim=claim, journal=journal)

    @precondition(lambda self: self.state is RunState.PLANNED)
    @rule()
    def create(self) -> None:
        self.begin(planned(self.folder))
        self.step(RunState.CREATED)

    @precondition(lambda self: self.state is RunState.CREATED and self.active)
    @rule()
    def run(self) -> None:
        self.step(RunState.RUNNING)

    @precondition(lambda self: self.state is RunState.RUNNING and self.active)
    @rule(epoch=st.integers(0, 9), value=st.floats(allow_nan=False))
    def report(self, epoch: int, value: float) -> None:
        assert self.active is not None
        self.active.progress(epoch, {"loss": value, "epoch seen": float(epoch)})
        self.progress = {"loss": value, "epoch seen": float(epoch)}
        self.beat()

    @precondition(lambda self: self.state in OPEN and self.active)
    @rule(state=st.sampled_from([RunState.FAILED, RunState.INTERRUPTED]))
    def stop(self, state: RunState) -> None:
        self.step(state, Failure(type="E", message="m"))

    @precondition(lambda self: self.state is RunState.RUNNING and self.active)
    @rule(state=st.sampled_from([RunState.COMPLETED, RunState.PRUNED]))
    def complete(self, state: RunState) -> None:
        self.step(state)

    @precondition(lambda self: self.state in OPEN and self.active)
    @rule(is_torn=st.booleans())
    def die(self, is_torn: bool) -> None:
        """The process is gone; half a line may stand at the end of its journal."""
        assert self.active is not None
        if is_torn:
            with self.folder.journal.open("ab") as stream:
                stream.write(b'{"seq":')
            self.beat()
        self.clock.seconds += LEASE_S + 1
        self.stale.append(self.active)
        self.active = None
        assert RunState.LOST is settle(self.folder, clock=self.clock).state
        self.state = RunState.LOST

    @precondition(lambda self: self.state in OPEN and self.active)
    @rule()
    def fall_asleep(self) -> None:
        """The process sleeps beyond its lease, somebody looks, and it wakes up."""
        assert self.active is not None
        self.clock.seconds += LEASE_S + 1
        assert RunState.LOST is settle(self.folder, clock=self.clock).state
        self.state = RunState.LOST
        self.stale.append(self.active)
        self.active = None

    @precondition(lambda self: self.state in RESUMABLE)
    @rule()
    def resume(self) -> None:
        self.begin(settle(self.folder, clock=self.clock))
        self.step(RunState.RUNNING)

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def wake_up(self, data: st.DataObject) -> None:
        """A stale attempt can neither report nor take a step."""
        recorder = data.draw(st.sampled_from(self.stale))
        with pytest.raises(StaleAttemptError):
            recorder.progress(99, {"loss": 99.0})
        with pytest.raises(StaleAttemptError):
            recorder.step(Step(RunState.FAILED, self.now(), 1))

    @precondition(lambda self: self.stale and self.attempts)
    @rule(data=st.data())
    def write_late(self, data: st.DataObject) -> None:
        """A line that a stale attempt had under way when it lost its claim does not count."""
        number = data.draw(st.integers(1, self.attempts))
        if number == self.attempts and self.state in OPEN:
            return
        line = {"seq": 1, "attempt": number, "at": self.now(), "kind": "progress"}
        with self.folder.journal.open("r+b") as stream:
            whole = stream.seek(0, os.SEEK_END) == 0 or stream.seek(-1, os.SEEK_END) is None
            whole = whole or stream.read(1) == b"\n"
        if whole:
            with self.folder.journal.open("ab") as stream:
                text = json.dumps({**line, "epoch": 99, "metrics": {"loss": 99.0}})
                stream.write(text.encode() + b"\n")

    @precondition(lambda self: self.state is not RunState.PLANNED)
    @rule(tags=st.lists(st.sampled_from("abc"), unique=True))
    def tag(self, tags: list[str]) -> None:
        """People tag runs at any time."""
        if self.state in OPEN:
            self.beat()
        self.tags = set_tags(self.folder, tags, clock=self.clock).tags

    @precondition(lambda self: self.state in OPEN and self.active)
    @rule(state=st.sampled_from(list(RunState)))
    def try_anything(self, state: RunState) -> None:
        """A step that the table does not have is refused, and changes nothing."""
        assert self.active is not None
        if state not in TRANSITIONS[self.state]:
            with pytest.raises(WrongStateError):
                self.active.step(Step(state, self.now(), self.attempts))

    @invariant()
    def a_look_finds_what_happened(self) -> None:
        if self.state is RunState.PLANNED:
            return
        if self.state in OPEN:
            self.beat()
        found = settle(self.folder, clock=self.clock)
        expected = (self.state, self.attempts, self.progress, self.tags)
        assert expected == (found.state, len(found.attempts), found.progress, found.tags)
        assert found == settle(self.folder, clock=self.clock)
        assert [a.number for a in found.attempts] == list(range(1, self.attempts + 1))

    @invariant()
    def the_journal_alone_tells_the_same(self) -> None:
        """Without record.json a reader finds the same run, but for what people added."""
        if self.state is RunState.PLANNED:
            return
        if not self.folder.record.exists():
            return  # only just created
        content = self.folder.record.read_bytes()
        known = load_record(self.folder)[1]
        self.folder.record.unlink()
        try:
            _, found = load_record(self.folder)
        finally:
            self.folder.record.write_bytes(content)
        kept = {"tags": known.tags, "journal_bytes": known.journal_bytes}
        assert known == found.model_copy(update=kept)


Lifecycle.TestCase.settings = settings(max_examples=25, stateful_step_count=25)
TestLifecycle = Lifecycle.TestCase


@given(st.lists(st.sampled_from(list(RunState)), max_size=8))
def test_walk_obeys_the_table(states: list[RunState]) -> None:
    """Any sequence of states is taken as far as the table allows, and no further."""
    record = planned(RunFolder("/runs/20261123T101500Z-a-4f1c9a1200"))
    for state in states:
        number = len(record.attempts) + (state is RunState.CREATED or record.state.is_finished)
        step = Step(state, format_utc(1), number, ELSEWHERE)
        if state in TRANSITIONS[record.state]:
            record = walk(record, step)
            assert (state, state) == (record.state, record.attempts[-1].state)
        else:
            with pytest.raises(WrongStateError):
                walk(record, step)


def test_every_state_is_in_the_table() -> None:
    """The table has a row for each state, and only finished ones may be the last."""
    assert set(RunState) == set(TRANSITIONS)
    ends = {state for state, ways in TRANSITIONS.items() if not ways}
    assert {RunState.COMPLETED, RunState.PRUNED} == ends
    assert RESUMABLE == {state for state in RunState if state.is_resumable}


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.LOST])
def test_an_attempt_begins_after_the_one_before(state: RunState) -> None:
    """A step of another attempt than the newest is refused."""
    record = walk(
        planned(RunFolder("/runs/x")), Step(RunState.CREATED, format_utc(1), 1, ELSEWHERE)
    )

    with pytest.raises(WrongStateError):
        walk(record, Step(state, format_utc(2), 2, ELSEWHERE))
