"""Finding, listing and reading runs; and what people add to them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.errors import (
    AmbiguousRunError,
    RecordUnreadableError,
    RunNotFoundError,
    WrongStateError,
)
from brevetti_hydra.record import RunState
from brevetti_hydra.run import RunFolder, runs_root
from brevetti_hydra.run.annotate import remove_run, set_note, set_tags
from brevetti_hydra.run.history import (
    find_run,
    list_folders,
    list_runs,
    read_record,
    read_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra.run import RunContext
    from brevetti_hydra.sweep.folders import SweepFolder

    from .conftest import Starter


def nothing(_run: RunContext) -> None:
    """Do nothing."""


def test_a_run_is_found_in_many_ways(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id, the beginning of it, the name, the path, a file in it, and 'last'."""
    context = starter.start(nothing)
    folder, run_id = context.folder, context.record.run_id
    monkeypatch.chdir(folder.root.parent)

    texts = [
        *(folder.short_id, folder.short_id[:4], folder.short_id.upper(), run_id, run_id[:13]),
        *(folder.name, folder.name[:20], str(folder.root), f"./{folder.name}", "last"),
        str(folder.record),
    ]

    assert {folder} == {find_run(text, starter.root) for text in texts}


def test_a_found_run_knows_its_storage_space(starter: Starter, tmp_path: Path) -> None:
    """The folder of a run with --job_dir points at that storage space."""
    context = starter.start(nothing, job_dir=str(tmp_path / "elsewhere"))

    found = find_run("last", starter.root)

    assert (tmp_path / "elsewhere" / "artifacts", context.folder) == (found.artifacts_dir, found)


def test_last_is_the_newest_of_one_second(starter: Starter) -> None:
    """Runs that were started in one second are told apart by their records."""
    contexts = [starter.start(nothing) for _ in range(6)]

    assert contexts[-1].folder == find_run("last", starter.root)
    assert [c.record.run_id for c in reversed(contexts)] == [
        record.run_id for record in list_runs(starter.root)
    ] or len({c.record.created for c in contexts}) < 6


@pytest.mark.parametrize("text", ["zzzz", "", "last", "../x", "a\0b", "4f1c9a12-0000"])
def test_a_run_that_does_not_exist(tmp_path: Path, text: str) -> None:
    """An unknown run is an error that says where was looked, and how to look elsewhere."""
    with pytest.raises(RunNotFoundError) as caught:
        find_run(text, tmp_path / "runs")

    assert (f"no run '{text}'", (f"there are no runs in '{tmp_path / 'runs'}'",)) == (
        caught.value.message,
        caught.value.notes,
    )


@pytest.mark.parametrize("text", ["-", "--", " - "])
def test_dashes_are_the_beginning_of_no_run(starter: Starter, text: str) -> None:
    """What holds no digit of an id does not mean the only run that there is."""
    starter.start(lambda _: None)

    with pytest.raises(RunNotFoundError):
        find_run(text, starter.root)


def test_a_similar_id_is_stated(starter: Starter) -> None:
    """A mistyped id is answered with the one that was meant, and with the last runs."""
    folder = starter.start(nothing).folder
    wrong = ("0" if folder.short_id[0] != "0" else "1") + folder.short_id[1:]

    with pytest.raises(RunNotFoundError) as caught:
        find_run(wrong, starter.root)

    assert f"a similar id exists: '{folder.short_id}'" == caught.value.hint
    assert folder.name in caught.value.notes


def test_an_ambiguous_beginning_lists_the_runs(starter: Starter) -> None:
    """A beginning that several runs share is an error that names them."""
    folders = [starter.start(nothing).folder for _ in range(2)]

    with pytest.raises(AmbiguousRunError) as caught:
        find_run(folders[0].name[:4], starter.root)

    assert sorted((folder.name for folder in folders), reverse=True) == list(caught.value.notes)


def test_a_folder_without_a_run_is_no_run(starter: Starter) -> None:
    """A folder that a run's process was just making does not stand in the list."""
    (starter.root / "20261123T101500Z-a-4f1c9a1200").mkdir(parents=True)
    (starter.root / "notes").mkdir()

    assert [] == list_runs(starter.root)
    with pytest.raises(RunNotFoundError):
        read_record(starter.root / "20261123T101500Z-a-4f1c9a1200")


def test_a_missing_root_has_no_runs(tmp_path: Path) -> None:
    """Where nothing was ever run, there is nothing to list."""
    assert [] == list_runs(tmp_path / "none")


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"format": 2}', b"[]", b'{"format": 1}', b"\xff"],
)
def test_a_damaged_record_does_not_hide_the_others(starter: Starter, content: bytes) -> None:
    """A record that cannot be read is told of, and the list goes on."""
    good = starter.start(nothing).record
    bad = starter.start(nothing).folder
    bad.record.write_bytes(content)
    told: list[tuple[RunFolder, str]] = []

    found = list_runs(
        starter.root, on_damage=lambda folder, error: told.append((folder, error.code))
    )

    assert ([good], [(bad, "record-unreadable")]) == (found, told)
    with pytest.raises(RecordUnreadableError):
        read_record(bad)


def test_a_run_that_nobody_expected_does_not_hide_the_others(starter: Starter) -> None:
    """Whatever is wrong with one folder is told, and the list goes on."""
    good = starter.start(nothing).record
    folder = starter.start(nothing).folder
    fields = json.loads(folder.record.read_bytes()) | {"state": "running", "attempts": []}
    folder.record.write_text(json.dumps(fields), encoding="utf-8")
    told: list[Any] = []

    records = list_runs(starter.root, on_damage=lambda at, error: told.append((at.root, error)))

    assert [good] == records
    assert [folder.root] == [root for root, _ in told]
    assert ("IndexError: tuple index out of range",) == told[0][1].notes


def test_unknown_keys_of_a_record_are_damage(starter: Starter) -> None:
    """A record that another version has extended is not half understood."""
    folder = starter.start(nothing).folder
    folder.record.write_text(json.dumps({**json.loads(folder.record.read_text()), "new": 1}))

    with pytest.raises(RecordUnreadableError) as caught:
        read_record(folder)

    assert ("new: Extra inputs are not permitted",) == caught.value.notes


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\n"])
def test_an_empty_record_is_rebuilt(starter: Starter, content: bytes) -> None:
    """A machine that stopped may leave an empty file: the journal has everything."""
    context = starter.start(lambda run: run.report_progress(1, {"loss": float("inf")}))
    context.folder.record.write_bytes(content)

    assert context.record == read_record(context.folder)
    assert content != context.folder.record.read_bytes()


def test_a_run_of_this_process_is_not_lost(starter: Starter) -> None:
    """A look at a running run finds it running, with its last progress."""

    def work(run: RunContext) -> None:
        run.report_progress(4, {"loss": 0.25})
        seen.extend(list_runs(starter.root))

    seen: list[Any] = []
    starter.start(work)

    assert [(RunState.RUNNING, 4, {"loss": 0.25})] == [(r.state, r.epoch, r.progress) for r in seen]


def test_snapshots_are_read(starter: Starter) -> None:
    """The snapshot gives the composition back."""
    context = starter.start(nothing, config={"lr": "${oc.env:X}"}, origins={"lr": ["argument 1"]})

    snapshot = read_snapshot(context.folder)

    assert ({"lr": "${oc.env:X}"}, {"lr": ["argument 1"]}) == (snapshot.config, snapshot.origins)
    context.folder.snapshot.unlink()
    with pytest.raises(RecordUnreadableError):
        read_snapshot(context.folder)


def test_the_folder_of_all_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is what run.root says, else what the environment says, else ./runs."""
    monkeypatch.chdir(tmp_path)
    found = [runs_root()]
    monkeypatch.setenv("BREVETTI_HYDRA_RUNS", "elsewhere")
    found += [runs_root(), runs_root("given"), runs_root(tmp_path / "x")]

    assert ["runs", "elsewhere", "given", "x"] == [os.path.relpath(p, tmp_path) for p in found]


def test_tags_and_notes_stay(starter: Starter) -> None:
    """What people add stands in the record, and can be taken away again."""
    folder = starter.start(nothing, run={"tags": ["a"]}).folder

    set_tags(folder, ["b", "c", "b"])
    noted = set_note(folder, "good one")

    assert (("b", "c"), "good one") == (noted.tags, noted.note)
    assert noted == read_record(folder)
    assert None is set_note(folder, None).note


def test_a_running_run_can_be_tagged(starter: Starter) -> None:
    """Tags that were given while it ran stand in the sealed record, with all its metrics."""

    def work(run: RunContext) -> None:
        run.report_progress(1, {"loss": 1})
        set_tags(run.folder, ["while running"])
        run.report_progress(2, {"loss": 0.5})

    record = starter.start(work).record

    assert (("while running",), 2) == (record.tags, record.epoch)
    assert record == list_runs(starter.root)[0]


def test_a_run_can_be_removed(starter: Starter, tmp_path: Path) -> None:
    """Its folder is gone; a storage space that lies elsewhere stays."""
    folder = starter.start(nothing, job_dir=str(tmp_path / "elsewhere")).folder

    remove_run(folder)

    assert (False, True) == (folder.root.exists(), (tmp_path / "elsewhere").exists())
    assert [] == list_runs(starter.root)


def test_a_running_run_cannot_be_removed(starter: Starter) -> None:
    """Nobody takes the folder away from a run that is at work."""

    def work(run: RunContext) -> None:
        with pytest.raises(WrongStateError) as caught:
            remove_run(run.folder)
        told.append(caught.value.message)

    told: list[str] = []
    context = starter.start(work)

    assert [f"run '{context.folder.name}' is running and cannot be removed"] == told


def test_a_reader_without_rights_still_sees_what_is(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be sealed, a finished run is read from its journal all the same."""
    context = starter.start(nothing)
    context.folder.record.unlink()
    # A folder in the place of the lock file: nobody can take the lock.
    context.folder.lock.unlink()
    context.folder.lock.mkdir()

    assert (context.record, False) == (
        read_record(context.folder),
        context.folder.record.exists(),
    )


def test_trials_are_found_like_runs(
    make_sweep: Callable[..., SweepFolder], starter: Starter
) -> None:
    """A trial has an id of its own, and a number in its sweep."""
    single = starter.start(nothing).folder
    sweep = make_sweep([{"varied": {}}, {"varied": {}}])
    trials = [RunFolder(sweep.root / name) for name in reversed(list_folders(sweep.root))]
    root = sweep.runs_root

    texts = [trials[1].short_id, trials[1].short_id[:7], trials[1].name, f"{sweep.short_id}/1"]
    found = {find_run(text, root) for text in [*texts, f"{sweep.short_id[:5]}/01"]}

    assert {trials[1]} == found
    assert single == find_run(single.short_id, starter.root)
    assert trials[1].short_id == trials[1].name[-10:]
    with pytest.raises(RunNotFoundError, match=r"has no trial 2 that has begun"):
        find_run(f"{sweep.short_id}/2", root)
    with pytest.raises(RunNotFoundError, match="is a sweep, and a run is wanted"):
        find_run(sweep.short_id[:6], root)


def test_trials_are_listed_where_they_are_asked_for(
    make_sweep: Callable[..., SweepFolder],
) -> None:
    """A list of runs holds those of sweeps on request, or from the folder of a sweep."""
    sweep = make_sweep([{"varied": {}}, {"varied": {}}])

    numbers = [
        [record.trial.number for record in records if record.trial]
        for records in (
            list_runs(sweep.runs_root),
            list_runs(sweep.runs_root, has_trials=True),
            list_runs(sweep.root),
        )
    ]

    assert [[], [1, 0], [1, 0]] == numbers
    assert list_folders(sweep.root)[0] == find_run("last", sweep.runs_root).name
