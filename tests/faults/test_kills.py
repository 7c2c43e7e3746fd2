"""SIGKILL at each kill point: nothing that was journalled is lost, and no state is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.record import JobRef, RunRecord, RunState
from brevetti_hydra.run import RunContext, RunFolder, RunPlan
from brevetti_hydra.run.history import find_run, list_folders, list_runs, read_record
from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode
from brevetti_hydra.testing.faults import KILL_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = Path(__file__).with_name("scenario.py")

# Kill points that a run which completes does not pass -> the scenario that does.
SCENARIOS = {
    "state.failed": "fail",
    "state.interrupted": "interrupt",
    "state.lost": "look",
    "journal.mended": "look",
    "state.pruned": "prune",
    "attempt.withdrawn": "withdraw",
    "record.annotated": "tag",
    "request.written": "ask",
    "request.cleared": "ask",
    "kill.noted": "ask",
    "run.removed": "remove",
}
CASES = [(point, moment) for point, moments in KILL_POINTS.items() for moment in moments]


class Zygote:
    """The process that plays scenarios in children of its own."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.process = subprocess.Popen(
            [sys.executable, str(SCENARIO)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def play(self, scenario: str, root: Path, kill: str = "") -> dict[str, Any]:
        case = {"scenario": scenario, "root": str(root), "kill": kill, "source": str(self.source)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Start the process, with a source folder in a git tree that has one changed file."""
    source = tmp_path_factory.mktemp("source")
    (source / "work.py").write_text("x = 1\n")
    git = ("git", "-C", str(source), "-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    (source / "work.py").write_text("x = 2\n")
    started = Zygote(source)
    yield started
    started.close()


class Again:
    """The job of a later attempt."""

    settings = JobSettings()

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.found: list[str] = []

    def run(self) -> None:
        self.found = [path.read_text() for path in self.context.checkpoint_path.iterdir()]
        self.context.report_progress(3, {"loss": 0.1})


def resume(folder: RunFolder) -> tuple[RunRecord, list[str]]:
    """Begin a new attempt in this process; give its record and the checkpoints that it found."""
    plan = RunPlan(
        job=JobRef(name="work", target="scenario:Work"),
        settings=JobSettings(),
        settings_json={},
        job_node=JobNode(),
        platform_node=PlatformNode(),
        run_node=RunNode(root=str(folder.runs_root)),
    )
    context = RunContext.reopen(folder, plan)
    job = Again(context)
    return context.start(job), job.found


def journalled(folder: RunFolder) -> list[dict[str, Any]]:
    """Read the journal's whole lines, but revoked ones, without any code of ours."""
    if not folder.journal.exists():
        return []
    lines = folder.journal.read_bytes().split(b"\n")[:-1]
    events: list[dict[str, Any]] = []
    for event in [json.loads(line) for line in lines if line]:
        if event["kind"] == "mended":
            events = [each for each in events if each["seq"] <= event["seq"]]
        else:
            events.append(event)
    return events


def told(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Give what a record has to tell after these events."""
    progress: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    epoch = None
    for event in events:
        if event["kind"] == "progress":
            progress |= event["metrics"]
            epoch = event["epoch"]
        elif event["kind"] == "metric":
            metrics[event["name"]] = event["value"]
    states = [event["state"] for event in events if event["kind"] == "state"]
    is_open = states[-1] in {"created", "running"}
    return {
        "state": "lost" if is_open else states[-1],
        "progress": progress,
        "metrics": metrics,
        "epoch": epoch,
    }


def plain(record: RunRecord) -> dict[str, Any]:
    """Give a record's JSON values; NaN, which equals nothing, is text there."""
    values: dict[str, Any] = json.loads(record.model_dump_json())
    return values


def test_scenarios_pass_every_kill_point(zygote: Zygote, tmp_path: Path) -> None:
    """Together the scenarios pass every kill point at every moment, and no others."""
    passed: set[tuple[str, str]] = set()
    for scenario in ("run", "fail", "interrupt", "prune", "withdraw", "tag", "ask", "remove"):
        answer = zygote.play(scenario, tmp_path / "runs")
        passed |= {(point, moment) for point, moment in answer["passed"]}
    leave_unended(zygote, tmp_path / "lost")
    passed |= {(p, m) for p, m in zygote.play("look", tmp_path / "lost")["passed"]}

    assert set(CASES) == passed


@pytest.mark.parametrize(("point", "moment"), CASES, ids=[":".join(case) for case in CASES])
def test_nothing_is_lost_and_no_state_is_wrong(
    zygote: Zygote, tmp_path: Path, point: str, moment: str
) -> None:
    """After a kill the record says what the journal says, and the run can be resumed."""
    scenario = SCENARIOS.get(point, "run")
    root = tmp_path / "runs"
    if scenario == "look":
        leave_unended(zygote, root)
    elif scenario in {"tag", "ask", "remove"}:
        zygote.play("run", root)

    answer = zygote.play(scenario, root, f"{point}:{moment}:1")

    assert -signal.SIGKILL == answer["code"]
    check(root, is_removed=(point, moment) == ("run.removed", "after"))


TAKEN = [case for case in CASES if case[0] not in SCENARIOS]


@pytest.mark.parametrize(("point", "moment"), TAKEN, ids=[":".join(case) for case in TAKEN])
def test_a_trial_completes_exactly_once(
    zygote: Zygote, tmp_path: Path, point: str, moment: str
) -> None:
    """Wherever the process of a trial is killed, the next one takes it, unless it is done."""
    root = tmp_path / "runs"
    folder = RunFolder(root / "sweep-20261123T101500Z-work-4f1c9a1200" / "00000-work-1234567890")
    zygote.play("trial", root, f"{point}:{moment}:1")
    left = journalled(folder)

    zygote.play("trial again", root)

    record = read_record(folder)
    ends = [event["state"] for event in journalled(folder) if event.get("kind") == "state"]
    assert (RunState.COMPLETED, 1) == (record.state, ends.count("completed"))
    assert left == journalled(folder)[: len(left)]
    assert [(1, "accuracy")] == [
        (len(set(record.metrics)), name)
        for name in record.trial.objectives  # type: ignore[union-attr]
    ]


def leave_unended(zygote: Zygote, root: Path) -> None:
    """Leave a killed run, whose last line has everything but its line feed."""
    zygote.play("run", root, "progress.written:after:2")
    folder = find_run("last", root)
    last = journalled(folder)[-1]
    with folder.journal.open("a") as stream:
        stream.write(json.dumps({**last, "seq": last["seq"] + 1, "epoch": 99}))


@pytest.mark.parametrize("nth", [2, 3, 4])
@pytest.mark.parametrize("moment", KILL_POINTS["record.written"])
def test_records_are_completed_at_each_step(
    zygote: Zygote, tmp_path: Path, moment: str, nth: int
) -> None:
    """A record that is behind the journal by one step is completed, whichever step it is."""
    zygote.play("run", tmp_path, f"record.written:{moment}:{nth}")

    check(tmp_path)


def check(root: Path, *, is_removed: bool = False) -> None:
    names = list_folders(root)
    events = journalled(RunFolder(root / names[0])) if names else []
    found = list_runs(root)
    if not events or is_removed:
        assert [] == found
        return
    record = found[0]
    actual = plain(record)
    expected = told(events)
    assert expected == {key: actual[key] for key in expected}
    # A second look, after the first one sealed what it found, sees the same.
    assert [plain(one) for one in found] == [plain(one) for one in list_runs(root)]
    folder = find_run("last", root)
    if record.state.is_resumable:
        check_resume(folder, record)
    elif record.state is not RunState.PRUNED:
        assert RunState.COMPLETED is record.state
        assert "artifacts/model.bin" == json.loads(folder.info.read_text())["model_path"]


def check_resume(folder: RunFolder, record: RunRecord) -> None:
    wrote = (folder.checkpoints_dir / "state.txt").exists()
    resumed, checkpoints = resume(folder)
    assert (RunState.COMPLETED, 2) == (resumed.state, len(resumed.attempts))
    assert record.attempts[0] == resumed.attempts[0]
    assert (["epoch 1"] if wrote else []) == checkpoints
    assert plain(resumed) == plain(read_record(folder))
    # Whatever a stale attempt, a reader and the new one wrote, numbers never repeat.
    seqs = [event["seq"] for event in journalled(folder) if "seq" in event]
    assert list(range(1, len(seqs) + 1)) == seqs
