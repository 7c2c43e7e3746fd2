"""The lifecycle of a run, from its folder to its sealed record."""

from __future__ import annotations

import json
import multiprocessing
import os
import tarfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.errors import (
    DatasetNotFoundError,
    InvalidMetricError,
    ModelNotFoundError,
    NotOwnerError,
    NotRunningError,
    PlatformNotAvailableError,
    RunInterrupted,
    StaleAttemptError,
    StorageWriteError,
    UnsafePathError,
    WrongStateError,
)
from brevetti_hydra.record import RunState
from brevetti_hydra.run.events import (
    ArtifactStored,
    MetricAdded,
    ProgressReported,
    StateChanged,
    Warned,
)
from brevetti_hydra.run.history import list_runs, read_record, read_snapshot
from brevetti_hydra.run.stopping import StopCause

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.run import RunContext

    from .conftest import Starter


def events_of(context: RunContext) -> list[dict[str, Any]]:
    return [json.loads(line) for line in context.folder.journal.read_bytes().splitlines()]


def output_of(context: RunContext) -> dict[str, Any]:
    output: dict[str, Any] = json.loads(context.folder.output.read_text())
    return output


def test_a_run_leaves_its_folder(starter: Starter) -> None:
    """A run that completes leaves the files that the README names, and no others."""
    context = starter.start(lambda _: None)

    found = {path.name for path in context.folder.root.iterdir()}

    assert {
        *("record.json", "snapshot.json", "journal.jsonl", "run.log", "config", "storage"),
        *(".attempt", ".lock", "delivered.json"),
    } == found
    assert "*\n" == (starter.root / ".gitignore").read_text()


def test_states_are_journalled_in_order(starter: Starter) -> None:
    """The journal tells each state, numbered from 1."""
    events = events_of(starter.start(lambda _: None))

    states = [event["state"] for event in events if event["kind"] == "state"]
    assert ["created", "running", "completed"] == states
    assert list(range(1, len(events) + 1)) == [event["seq"] for event in events]


def test_the_returned_record_is_the_stored_one(starter: Starter) -> None:
    """What start() returns is what a reader finds."""
    context = starter.context()
    record = starter.run(context, lambda run: run.add_output_metric("accuracy", 0.5))

    assert record == read_record(context.folder)


def test_metrics_and_progress_stand_in_the_record(starter: Starter) -> None:
    """The record holds the output metrics and the last progress."""

    def work(run: RunContext) -> None:
        for epoch in (1, 2, 3):
            run.report_progress(
                epoch, {"loss": 1 / epoch, "only at first": 1} if epoch < 2 else {"loss": 1 / epoch}
            )
        run.add_output_metric("accuracy", 0.5)
        run.add_output_metric("accuracy", 0.75)

    record = starter.start(work).record

    assert ({"accuracy": 0.75}, 3) == (record.metrics, record.epoch)
    assert {"loss": 1 / 3, "only at first": 1.0} == record.progress


def test_observers_are_told_in_order(starter: Starter) -> None:
    """An observer gets each event after it was written."""
    seen: list[Any] = []
    context = starter.context(observers=[seen.append])

    def work(run: RunContext) -> None:
        run.report_progress(1, {"loss": 0.5})
        run.add_output_metric("accuracy", 1)

    starter.run(context, work)

    steps = [(e.previous, e.record.state) for e in seen if isinstance(e, StateChanged)]
    assert [
        (RunState.PLANNED, RunState.CREATED),
        (RunState.CREATED, RunState.RUNNING),
        (RunState.RUNNING, RunState.COMPLETED),
    ] == steps
    assert [ProgressReported(1, {"loss": 0.5}), MetricAdded("accuracy", 1.0)] == seen[2:4]
    assert "output.json" == next(e for e in seen if isinstance(e, ArtifactStored)).artifact.path


def test_a_failing_observer_is_left_out(starter: Starter) -> None:
    """An observer that raises is warned of and told nothing more; the run goes on."""
    calls: list[Any] = []

    def fails(event: object) -> None:
        calls.append(event)
        raise ValueError("no screen")

    context = starter.context(observers=[fails])
    record = starter.run(context, lambda run: run.report_progress(1, {"loss": 1}))

    warned = [event["text"] for event in events_of(context) if event["kind"] == "warned"]
    assert (RunState.COMPLETED, 1) == (record.state, len(calls))
    assert ["an observer failed and is told nothing more: ValueError('no screen')"] == warned


def test_output_json_has_the_platforms_shape(starter: Starter) -> None:
    """output.json has outputs, environment and the job's fields; settings stand under the job."""

    def work(run: RunContext) -> None:
        before.update(output_of(run))
        run.add_output_metric("accuracy", 0.5)
        run.add_output_metric("bad", float("nan"))

    before: dict[str, Any] = {}
    output = output_of(starter.start(work, job={"tags": ["nightly"]}))

    assert {"output", "environment", "job"} == set(output)
    assert ({}, {"accuracy": 0.5, "bad": "NaN"}) == (before["output"], output["output"])
    assert {"BUILD_ID", "python", "git", "modules"} == set(output["environment"])
    assert {"epochs": 3, "name": "a"} == output["job"]["settings"]
    assert [{"name": "nightly"}] == output["job"]["tags"]
    assert {
        *("id", "name", "run_id", "api_key", "host_name", "complete_url", "remote_url"),
        *("charts_url", "base_model_url", "settings", "datasets", "models", "parent", "tags"),
        "model_path",
    } == set(output["job"])


def test_output_json_takes_what_info_json_says(starter: Starter) -> None:
    """The platform's own words about the job come back in output.json, its key masked."""
    info = {
        "id": "4f1c",
        "name": "theirs",
        "settings": {},
        "api_key": "CANARY0123",
        "complete_url": "/api/models/4f1c/complete?key=CANARY0123&modelPath=",
    }

    job = output_of(starter.start(lambda _: None, info=info))["job"]

    expected = ("4f1c", "**********", "/api/models/4f1c/complete?key=**********&modelPath=")
    assert expected == (job["id"], job["api_key"], job["complete_url"])


def test_a_failure_is_raised_and_recorded(starter: Starter) -> None:
    """What run() raises comes out of start(); record, log and output.json tell it."""
    context = starter.context()

    def work(_run: RunContext) -> None:
        raise ValueError("too hot")

    with pytest.raises(ValueError, match="too hot"):
        starter.run(context, work)

    record = read_record(context.folder)
    assert record.failure is not None
    assert (RunState.FAILED, "ValueError", "too hot") == (
        record.state,
        record.failure.type,
        record.failure.message,
    )
    assert "in work" in record.failure.traceback
    assert "ValueError: too hot" in context.folder.log.read_text()
    assert ("ValueError", "too hot") == tuple(output_of(context)["error"].values())[:2]
    assert record == context.record


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit()])
def test_other_ends_are_failures(starter: Starter, error: BaseException) -> None:
    """sys.exit() inside run() is no success, whatever its code."""
    context = starter.context()

    def work(_run: RunContext) -> None:
        raise error

    with pytest.raises(type(error)):
        starter.run(context, work)

    assert RunState.FAILED is read_record(context.folder).state


def test_a_keyboard_interrupt_is_no_failure(starter: Starter) -> None:
    """A run that is stopped is interrupted, not failed."""
    context = starter.context()

    def work(_run: RunContext) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        starter.run(context, work)

    record = read_record(context.folder)
    assert record.failure is not None
    assert (RunState.INTERRUPTED, "stopped by SIGINT") == (record.state, record.failure.message)


def test_a_file_becomes_the_model(starter: Starter, tmp_path: Path) -> None:
    """A file from anywhere is copied under the artifacts."""
    (tmp_path / "my model.bin").write_bytes(b"weights")

    context = starter.start(lambda _: str(tmp_path / "my model.bin"))

    assert "my model.bin" == context.record.model
    assert b"weights" == (context.folder.artifacts_dir / "my model.bin").read_bytes()
    info = json.loads(context.folder.info.read_text())
    assert "artifacts/my model.bin" == info["model_path"] == output_of(context)["job"]["model_path"]


def test_a_file_in_the_temporary_folder_becomes_the_model(starter: Starter) -> None:
    """The model is stored before the temporary folder is removed."""

    def work(run: RunContext) -> Any:
        path = run.temp_path / "model.bin"
        path.write_bytes(b"weights")
        return path

    context = starter.start(work)

    assert b"weights" == (context.folder.artifacts_dir / "model.bin").read_bytes()
    assert not context.folder.temp_dir.exists()


def test_a_folder_becomes_an_archive(starter: Starter) -> None:
    """A folder is packed as <name>.tar.gz."""

    def work(run: RunContext) -> Any:
        folder = run.temp_path / "saved_model"
        folder.mkdir()
        (folder / "a.txt").write_text("a")
        return folder

    context = starter.start(work)

    assert "saved_model.tar.gz" == context.record.model
    with tarfile.open(context.folder.artifacts_dir / "saved_model.tar.gz") as archive:
        assert ["saved_model/a.txt"] == archive.getnames()


def test_a_file_under_the_artifacts_stays_where_it_is(starter: Starter) -> None:
    """A model that the job has put under the artifacts is not copied."""

    def work(run: RunContext) -> Any:
        path = run.artifact_path("models", "m.bin")
        path.write_bytes(b"m")
        return path

    context = starter.start(work)

    assert "models/m.bin" == context.record.model
    assert ["models/m.bin", "output.json"] == [each.path for each in context.record.artifacts]


def test_a_missing_model_fails_the_run(starter: Starter) -> None:
    """A path that does not exist is an error that names it, and the run has failed."""
    context = starter.context()

    with pytest.raises(ModelNotFoundError):
        starter.run(context, lambda _: "nowhere/model.bin")

    assert RunState.FAILED is read_record(context.folder).state


def test_artifacts_have_size_and_digest(starter: Starter) -> None:
    """Every file under the artifacts stands in the record."""

    def work(run: RunContext) -> None:
        run.artifact_path("a b", "ü.txt").write_bytes(b"hello")

    record = starter.start(work).record

    found = {each.path: (each.size_bytes, each.sha256[:8]) for each in record.artifacts}
    assert (5, "2cf24dba") == found["a b/ü.txt"]


def test_artifacts_are_read_always_and_written_while_running(starter: Starter) -> None:
    """Before and after the run its artifacts can be read, but not written."""
    context = starter.context()
    with pytest.raises(NotRunningError):
        (context.artifacts_path / "a.txt").write_text("early")

    starter.run(context, lambda run: (run.artifacts_path / "a.txt").write_text("a") and None)

    assert "a" == (context.artifacts_path / "a.txt").read_text()
    with pytest.raises(NotRunningError):
        (context.artifacts_path / "a.txt").write_text("late")


def test_artifact_paths_stay_inside(starter: Starter) -> None:
    """A path that climbs out of the artifacts is refused."""
    with pytest.raises(UnsafePathError):
        starter.start(lambda run: run.artifact_path("..", "info.json"))


def test_reports_outside_of_run_are_refused(starter: Starter) -> None:
    """Before and after run(), nothing can be reported."""
    context = starter.context()
    for _ in range(2):
        with pytest.raises(NotRunningError):
            context.report_progress(1, {"loss": 1})
        with pytest.raises(NotRunningError):
            context.add_output_metric("accuracy", 1)
        if context.state is RunState.PLANNED:
            starter.run(context, lambda _: None)


@pytest.mark.parametrize(
    ("epoch", "metrics"),
    [(1, {"loss": "0.5"}), (1, {"": 1}), (1.5, {"loss": 1}), (1, {"a\nb": 1}), (1, {"loss": None})],
)
def test_bad_reports_are_refused(starter: Starter, epoch: Any, metrics: Any) -> None:
    """A report that cannot be recorded is an error, and the run fails."""
    context = starter.context()

    with pytest.raises(InvalidMetricError):
        starter.run(context, lambda run: run.report_progress(epoch, metrics))

    assert RunState.FAILED is read_record(context.folder).state


def test_a_run_starts_once(starter: Starter) -> None:
    """A completed run cannot be started again."""
    context = starter.start(lambda _: None)

    with pytest.raises(WrongStateError):
        starter.run(context, lambda _: None)


def test_a_failed_run_starts_again_as_a_new_attempt(starter: Starter) -> None:
    """The second attempt has the same record and checkpoints."""
    context = starter.context()

    def first(run: RunContext) -> None:
        (run.checkpoint_path / "state").write_text("epoch 1")
        run.report_progress(1, {"loss": 1})
        raise ValueError("too hot")

    with pytest.raises(ValueError, match="too hot"):
        starter.run(context, first)
    record = starter.run(
        context,
        lambda run: run.add_output_metric("n", len((run.checkpoint_path / "state").read_text())),
    )

    states = [(attempt.number, attempt.state) for attempt in record.attempts]
    assert [(1, RunState.FAILED), (2, RunState.COMPLETED)] == states
    assert ({"n": 7.0}, None, {"loss": 1.0}) == (record.metrics, record.failure, record.progress)
    assert "error" not in output_of(context)
    assert record == read_record(context.folder)


def test_a_second_job_in_the_process_works(starter: Starter) -> None:
    """Runs follow each other in one process, each with its own log."""
    contexts = [starter.start(lambda _, n=n: print(f"job {n}")) for n in range(3)]  # type: ignore[misc]

    assert ["job 0\n", "job 1\n", "job 2\n"] == [c.folder.log.read_text() for c in contexts]
    assert 3 == len(list_runs(starter.root))


def test_ten_jobs_in_threads_work(starter: Starter) -> None:
    """Ten runs at once in threads complete, each with its own metrics."""
    barrier = threading.Barrier(10)
    contexts = [starter.context() for _ in range(10)]

    def start(number: int) -> None:
        def work(run: RunContext) -> None:
            barrier.wait()
            for epoch in range(20):
                run.report_progress(epoch, {"number": number})
            run.logger.info("job %d", number)

        starter.run(contexts[number], work)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [float(n) for n in range(10)] == [c.record.progress["number"] for c in contexts]
    assert {RunState.COMPLETED} == {record.state for record in list_runs(starter.root)}
    warned = [e for c in contexts for e in events_of(c) if e["kind"] == "warned"]
    assert 9 == len(warned)


def test_a_forked_child_cannot_report(starter: Starter) -> None:
    """A child process gets a clear error, and the parent's run is unharmed."""

    def child(run: RunContext, answers: Any) -> None:
        try:
            run.report_progress(2, {"loss": 1})
        except NotOwnerError as error:
            answers.put(error.message)

    def work(run: RunContext) -> None:
        method = multiprocessing.get_context("fork")
        answers = method.Queue()
        process = method.Process(target=child, args=(run, answers))
        process.start()
        found.append(answers.get(timeout=10))
        process.join()
        run.report_progress(1, {"loss": 0.5})

    found: list[str] = []
    record = starter.start(work).record

    assert "cannot report for run" in found[0]
    assert (RunState.COMPLETED, {"loss": 0.5}) == (record.state, record.progress)


def test_a_forked_child_that_returns_does_not_end_the_run(starter: Starter) -> None:
    """A child that comes back from run() is sent away without touching the record."""

    def work(_run: RunContext) -> None:
        if os.fork() == 0:
            return
        os.wait()

    context = starter.context()
    owner = os.getpid()
    try:
        record = starter.run(context, work)
    except NotOwnerError:
        assert owner != os.getpid()
        os._exit(0)

    assert (RunState.COMPLETED, 1) == (record.state, len(record.attempts))


def test_a_stale_attempt_cannot_write(starter: Starter) -> None:
    """An attempt whose run was given up as lost finds its claim gone, and changes nothing."""
    context = starter.context()

    def work(run: RunContext) -> None:
        run.report_progress(1, {"loss": 1})
        # Another machine has waited longer than the lease, and taken the claim.
        run.folder.claim.unlink()
        run.folder.claim.write_text("{}")
        run.report_progress(2, {"loss": 2})

    with pytest.raises(StaleAttemptError):
        starter.run(context, work)

    assert 1 == max(e["epoch"] for e in events_of(context) if e["kind"] == "progress")
    assert "error" not in output_of(context)


def test_complete_job_false_tells_the_platform_nothing(starter: Starter) -> None:
    """The record is sealed as completed; the platform's description stays open."""
    context = starter.context()
    record = context.start(_Nothing(), complete_job=False)

    assert RunState.COMPLETED is record.state
    assert "completed" not in json.loads(context.folder.info.read_text())


class _Nothing:
    settings: Any = None

    def run(self) -> None:
        return None


def test_job_dir_replaces_the_storage_space(starter: Starter, tmp_path: Path) -> None:
    """With --job_dir the artifacts lie there, and the record stays in the run's folder."""
    context = starter.start(
        lambda run: run.artifact_path("a.txt").write_text("a") and None,
        job_dir=str(tmp_path / "my job"),
    )

    assert "a" == (tmp_path / "my job" / "artifacts" / "a.txt").read_text()
    assert str(tmp_path / "my job") == context.record.storage
    assert (False, True) == (
        (context.folder.root / "storage").exists(),
        context.folder.record.exists(),
    )


def test_a_remote_job_dir_is_refused(starter: Starter) -> None:
    """The local platform says that it keeps nothing elsewhere, without the URL's secrets."""
    with pytest.raises(PlatformNotAvailableError) as caught:
        starter.context(job_dir="s3://key:CANARY@bucket/x")

    assert "CANARY" not in str(caught.value)


def test_a_missing_dataset_is_found_before_anything_is_written(
    starter: Starter, tmp_path: Path
) -> None:
    """A dataset that does not exist is an error that names it, and no folder is left."""
    with pytest.raises(DatasetNotFoundError) as caught:
        starter.start(lambda _: None, job={"datasets": {"digits": str(tmp_path / "none")}})

    assert "'digits'" in caught.value.message
    assert not starter.root.exists()


def test_datasets_stand_in_the_snapshot(starter: Starter, tmp_path: Path) -> None:
    """The snapshot holds the digest of each dataset's content."""
    (tmp_path / "d" / "good").mkdir(parents=True)
    (tmp_path / "d" / "good" / "1.png").write_bytes(b"image")
    context = starter.start(lambda _: None, job={"datasets": {"digits": str(tmp_path / "d")}})

    dataset = read_snapshot(context.folder).datasets[0]

    assert ("digits", 1, 5) == (dataset.name, dataset.files, dataset.size_bytes)
    assert dataset.digest.startswith("sha256:")


def test_a_folder_that_cannot_be_made_is_an_error_before_training(
    starter: Starter, tmp_path: Path
) -> None:
    """A file in the place of the runs' folder is an error, and run() is not called."""
    (tmp_path / "runs").write_text("a file")
    called: list[int] = []

    with pytest.raises(StorageWriteError):
        starter.start(lambda _: called.append(1))

    assert [] == called


def test_hostile_names_and_paths_work(hostile_folder: Path, starter: Starter) -> None:
    """A run works in a folder, and under a name, that breaks careless code."""
    starter.root = hostile_folder / "runs"
    context = starter.start(
        lambda run: run.report_progress(1, {"val/loss ü 'x'": 1}),
        name='../..\n"evil" $(x) ünï',
        overrides=["a='\n\"'"],
        run={"note": "\x1b[31m", "tags": ["a b", "ü"]},
    )

    record = read_record(context.folder)
    assert (RunState.COMPLETED, starter.root) == (record.state, context.folder.root.parent)
    assert {"val/loss ü 'x'": 1.0} == record.progress


def test_a_stop_request_ends_the_run_at_its_next_report(starter: Starter) -> None:
    """stop_requested is seen by the job, and report_progress raises after it has recorded."""
    context = starter.context()

    def work(run: RunContext) -> None:
        run._session.stops.ask(StopCause.of_signal(15))  # type: ignore[union-attr]
        seen.append(run.stop_requested)
        run.report_progress(7, {"loss": 1})
        seen.append(False)

    seen: list[bool] = []
    with pytest.raises(RunInterrupted) as caught:
        starter.run(context, work)

    record = read_record(context.folder)
    assert ([True], 15, 7) == (seen, caught.value.signal_number, record.epoch)
    assert (RunState.INTERRUPTED, "stopped by SIGTERM") == (
        record.state,
        record.failure and record.failure.message,
    )


def test_a_job_that_returns_because_it_was_asked_to_is_interrupted(starter: Starter) -> None:
    """A job that looks at stop_requested and returns has not completed, but its model is kept."""
    context = starter.context()

    def work(run: RunContext) -> Any:
        run._session.stops.ask(StopCause.of_signal(2))  # type: ignore[union-attr]
        path = run.temp_path / "half.bin"
        path.write_bytes(b"half")
        return path

    with pytest.raises(RunInterrupted):
        starter.run(context, work)

    assert RunState.INTERRUPTED is read_record(context.folder).state
    assert b"half" == (context.folder.artifacts_dir / "half.bin").read_bytes()


def test_warnings_reach_observers(starter: Starter) -> None:
    """An observer is told what the journal was warned of."""
    seen: list[Any] = []
    context = starter.context(observers=[seen.append])
    starter.run(context, lambda run: run._session.recorder.warn("careful"))  # type: ignore[union-attr]

    assert [Warned("careful")] == [event for event in seen if isinstance(event, Warned)]
