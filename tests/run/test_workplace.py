"""Runs that share a workplace leave what runs of their own processes leave."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.run import RunContext
from brevetti_hydra.run.claims import Claim, Heartbeats
from brevetti_hydra.run.folders import RunFolder
from brevetti_hydra.run.plan import ConfigText
from brevetti_hydra.run.workplace import Workplace

from .conftest import SmallJob, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def workplace() -> Iterator[Workplace]:
    """Give a workplace, and close it."""
    place = Workplace()
    yield place
    place.close()


def nothing(_context: RunContext) -> None:
    """Do nothing."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a git tree with a large change in a source, and a YAML file."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "job.py").write_text("x = 1\n")
    (folder / "job.yaml").write_text("lr: 1\n")
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / "job.py").write_text("y = 2\n" * 5_000)
    return folder


def start(root: Path, tree: Path, workplace: Workplace | None, work: Any = nothing) -> RunContext:
    plan = make_plan(
        root,
        package_folders=[tree],
        sources=[ConfigText(str(tree / "job.yaml"), b"lr: 1\n")],
    )
    context = RunContext(plan, workplace=workplace)
    context.start(SmallJob(context, work))
    return context


def everything(folder: RunFolder) -> dict[str, Any]:
    """Give what stands in a run's folder, without what is another's in each run."""
    found: dict[str, Any] = {}
    for path in sorted(folder.root.rglob("*")):
        name = path.relative_to(folder.root).as_posix()
        if path.suffix == ".json":
            found[name] = _without_times(json.loads(path.read_text()))
        elif path.is_file() and name not in {"journal.jsonl", ".attempt"}:
            found[name] = path.read_bytes()
        else:
            found[name] = None
    return found


_OWN = {"run_id", "id", "folder", "created", "started", "ended", "completed", "duration_s"}
_OWN |= {"journal_bytes", "sha256", "size_bytes", "name"}


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            k: v if k in _OWN and k != "sha256" else _without_times(v)
            for k, v in value.items()
            if k not in _OWN
        }
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def test_records_are_as_complete_as_a_single_runs(
    tmp_path: Path, tree: Path, workplace: Workplace
) -> None:
    """The first and the tenth run of a workplace have every file and field of a run without one."""
    alone = everything(start(tmp_path / "alone", tree, None).folder)
    many = [everything(start(tmp_path / "many", tree, workplace).folder) for _ in range(10)]

    assert [alone, alone] == [many[0], many[-1]]
    assert "config/uncommitted.patch" in alone


def test_what_git_says_is_that_of_the_beginning(
    tmp_path: Path, tree: Path, workplace: Workplace
) -> None:
    """A process has loaded its code: what is edited later is not what runs."""
    first = start(tmp_path / "runs", tree, workplace).folder
    (tree / "job.py").write_text("z = 3\n")
    second = start(tmp_path / "runs", tree, workplace).folder
    fresh = start(tmp_path / "runs", tree, None).folder

    assert first.patch.read_bytes() == second.patch.read_bytes() != fresh.patch.read_bytes()


def test_a_large_file_of_many_runs_is_one_file(
    tmp_path: Path, tree: Path, workplace: Workplace
) -> None:
    """It is written anew where the first one has been changed or removed."""
    folders = [start(tmp_path / "runs", tree, workplace).folder for _ in range(3)]
    assert 1 == len({folder.patch.stat().st_ino for folder in folders})

    content = folders[0].patch.read_bytes()
    folders[0].patch.write_bytes(b"somebody wrote here")
    folders.append(start(tmp_path / "runs", tree, workplace).folder)

    assert content == folders[3].patch.read_bytes()


def test_each_run_has_its_own_output(
    tmp_path: Path, tree: Path, workplace: Workplace, capfd: pytest.CaptureFixture[str]
) -> None:
    """What a child of the first run prints later is not in the second one's log."""
    marks = [tmp_path / "go", tmp_path / "done"]
    code = 'while ! test -e "$0"; do sleep 0.01; done; echo late; touch "$1"'
    child: list[subprocess.Popen[bytes]] = []

    def first(_context: RunContext) -> None:
        print("by the first")
        child.append(subprocess.Popen(["sh", "-c", code, *map(str, marks)]))

    def second(_context: RunContext) -> None:
        print("by the second")
        marks[0].touch()
        wait_until(marks[1].exists)

    folders = [start(tmp_path / "runs", tree, workplace, work).folder for work in (first, second)]
    child[0].wait()

    assert ["by the first\n", "by the second\n"] == [folder.log.read_text() for folder in folders]
    workplace.close()
    wait_until(lambda: "late" in capfd.readouterr().out)


def test_a_thousand_runs_leave_nothing_open(tmp_path: Path, workplace: Workplace) -> None:
    """Descriptors and threads are as many after fifty runs as after one."""

    def count() -> tuple[int, int]:
        context = RunContext(make_plan(tmp_path / "runs"), workplace=workplace)
        context.start(SmallJob(context, nothing))
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    counts = [count() for _ in range(50)]

    assert counts[0] == counts[-1]


def test_one_thread_keeps_many_claims_alive(tmp_path: Path) -> None:
    """Each claim beats four times in its lease, also one that comes later and is in a hurry."""
    slow, quick = (make_claim(tmp_path / name) for name in ("slow", "quick"))
    beats = Heartbeats()
    beats.begin(slow, 3600)
    beats.begin(quick, 0.2)

    wait_until(lambda: beaten(tmp_path / "quick") > 0)
    beats.end(quick)
    os.utime(tmp_path / "quick" / ".attempt", (0, 0))
    beats.begin(slow, 0.2)
    wait_until(lambda: beaten(tmp_path / "slow") > 0)

    assert 0 == beaten(tmp_path / "quick")
    beats.close()
    slow.close()
    quick.close()


def make_claim(root: Path) -> Claim:
    root.mkdir()
    process = Workplace().process
    claim = Claim(RunFolder(root), 1, process=process, lease_s=60)
    os.utime(root / ".attempt", (0, 0))
    return claim


def beaten(root: Path) -> float:
    return (root / ".attempt").stat().st_mtime


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
