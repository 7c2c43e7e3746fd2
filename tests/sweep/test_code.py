"""The code of a sweep: which files count, and what a worker says that finds others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config import find_project, read_argv, read_overrides
from brevetti_hydra.errors import CodeChangedError, RecordUnreadableError
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.code import CodeWatch, gather_code
from brevetti_hydra.sweep.driving.changing import change_sweep
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.planning.plan import plan_sweep, write_sweep
from brevetti_hydra.sweep.task import Task
from brevetti_hydra.sweep.trial import TrialRunner

if TYPE_CHECKING:
    from collections.abc import Callable

TRAIN = """
import json, nets.deep as deep, torch_like
from typing import Any
from brevetti_hydra import Job


class Train(Job):
    def run(self):
        from late import what
        return None
"""
FILES = {
    "pyproject.toml": "[project]\nname = 'mine'\n",
    "conf/brevetti.yaml": "",
    "train.py": TRAIN,
    "late.py": "import later, train\n",
    "later.py": "what = 1\n",
    "unrelated.py": "import train\n",
    "nets/__init__.py": "from . import deep\n",
    "nets/deep.py": "size = 1\n",
    "nets/registered.py": "found_by = 'name'\n",
    "nets/key_of_mine.py": "KEY = 'abc'\n",
    "nets/.hidden/x.py": "",
    "nets/venv/pyvenv.cfg": "",
    "nets/venv/x.py": "",
    "nets/runs/.gitignore": "*\n",
    "nets/runs/x.py": "",
    "nets/notes.txt": "no code",
    "src/pack/__init__.py": "",
    "src/pack/job.py": "from brevetti_hydra import Job\nfrom .part import x\nclass Own(Job): ...\n",
    "src/pack/part.py": "import unrelated as x\n",
}
LONE = ["late.py", "later.py", "nets/__init__.py", "nets/deep.py", "nets/registered.py", "train.py"]


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        self.seconds += 10
        return self.seconds


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "a project"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def gathered(folder: Path, module: str, name: str) -> dict[str, Any]:
    """Ask a process of its own, in which the project's modules are imported."""
    code = (
        "import importlib, json, pathlib, sys, types\n"
        "sys.modules['torch_like'] = types.ModuleType('torch_like')\n"
        f"sys.path[:0] = [{str(folder)!r}, {str(folder / 'src')!r}]\n"
        "from brevetti_hydra.config import find_project\n"
        "from brevetti_hydra.sweep.code import gather_code\n"
        f"job = getattr(importlib.import_module({module!r}), {name!r})\n"
        f"code = gather_code([job], find_project(pathlib.Path({str(folder)!r})))\n"
        "print(json.dumps([code.model_dump(), code.sha256]))"
    )
    answer = subprocess.run(
        [sys.executable, "-B", "-c", code], capture_output=True, text=True, check=False
    )
    assert (0, "") == (answer.returncode, answer.stderr)
    document, digest = json.loads(answer.stdout)
    return {**document, "sha256": digest}


def test_a_lone_module_counts_with_what_it_imports(project: Path) -> None:
    """Imports are followed, those in functions too; packages count as a whole."""
    code = gathered(project, "train", "Train")

    assert LONE == list(code["files"])
    assert {"nets/key_of_mine.py": "its name may stand for a secret"} == code["left_out"]


def test_a_packaged_job_counts_with_its_package(project: Path) -> None:
    """The job's outermost package, and what of the project it imports."""
    code = gathered(project, "pack.job", "Own")

    own = ["src/pack/__init__.py", "src/pack/job.py", "src/pack/part.py"]
    assert sorted([*own, *LONE, "unrelated.py"]) == list(code["files"])


def test_what_git_ignores_is_left_out(project: Path) -> None:
    """A file that git ignores is named with that reason, and has no digest."""
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    (project / ".gitignore").write_text("later.py\n")

    code = gathered(project, "train", "Train")

    assert {"later.py": "git ignores it"} == {
        name: reason for name, reason in code["left_out"].items() if "key" not in name
    }


def test_the_digest_tells_of_any_change(project: Path) -> None:
    """Two plans have one digest exactly when their files are equal."""
    first, same = (gathered(project, "train", "Train")["sha256"] for _ in range(2))
    (project / "unrelated.py").write_text("other = 1\n")
    beside = gathered(project, "train", "Train")["sha256"]
    (project / "later.py").write_text("what = 2\n")
    other = gathered(project, "train", "Train")["sha256"]

    assert [True, True, False] == [first == each for each in (same, beside, other)]


def test_the_harness_itself_is_no_code_of_a_job() -> None:
    """A job that ships counts by the version of the harness."""
    from brevetti_hydra.jobs.hello import Hello

    assert {} == gather_code([Hello], find_project(Path.cwd())).files


@pytest.fixture
def watch(project: Path, tmp_path: Path) -> CodeWatch:
    from brevetti_hydra._files import digest_bytes
    from brevetti_hydra._json import json_bytes

    files = {name: digest_bytes(FILES[name].encode()) for name in LONE}
    folder = SweepFolder(tmp_path / "sweep-20261123T101500Z-train-0123456789")
    folder.root.mkdir()
    folder.code.write_bytes(json_bytes({"format": 1, "files": files, "left_out": {}}))
    return CodeWatch(folder, find_project(project), Clock())


def change(project: Path) -> None:
    (project / "later.py").write_text("what = 3\n")


def take_away(project: Path) -> None:
    (project / "later.py").unlink()


def touch(project: Path) -> None:
    os.utime(project / "later.py", (1, 1))


def add(project: Path) -> None:
    (project / "nets" / "new.py").write_text("")


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (change, ["changed: 'later.py'"]),
        (take_away, ["gone: 'later.py'"]),
        (touch, None),
        (add, None),
    ],
)
def test_a_worker_refuses_other_code(
    step: Callable[[Path], None],
    expected: list[str] | None,
    is_late: bool,
    watch: CodeWatch,
    project: Path,
) -> None:
    """Changed and missing files are named, before the first trial and between two."""
    if is_late:
        watch.check()
    step(project)

    notes = None
    try:
        watch.check()
    except CodeChangedError as error:
        notes = list(error.notes)
    assert expected == notes


@pytest.mark.parametrize("is_late", [False, True])
def test_a_worker_refuses_other_code_each_time(
    is_late: bool, watch: CodeWatch, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused trial is handed out again at once, and refused again, until the file is back."""
    if is_late:
        watch.check()
    change(project)
    with pytest.raises(CodeChangedError):
        watch.check()
    monkeypatch.setattr(Clock, "monotonic", lambda clock: clock.seconds)

    with pytest.raises(CodeChangedError):
        watch.check()
    (project / "later.py").write_text(FILES["later.py"])
    watch.check()


def test_a_worker_goes_on_with_what_it_has_imported(
    watch: CodeWatch, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes after its import changes nothing of what this process runs."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("later_of_a_sweep", project / "later.py")
    assert spec is not None
    monkeypatch.setitem(sys.modules, "later_of_a_sweep", importlib.util.module_from_spec(spec))
    watch.check()
    change(project)

    watch.check()


def test_a_plan_without_its_list_of_files_is_damaged(watch: CodeWatch, tmp_path: Path) -> None:
    """A missing or torn list is an error, not a sweep without code."""
    next(tmp_path.glob("sweep-*/code.json")).write_text('{"format": 1, "fil')

    with pytest.raises(RecordUnreadableError):
        watch.check()


def test_changed_code_is_run_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused before anything is written runs with `sweep.code=current`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "job_of_a_sweep", raising=False)
    source = tmp_path / "job_of_a_sweep.py"
    source.write_text("from brevetti_hydra import Job\nclass Own(Job):\n    def run(self): ...\n")
    (tmp_path / "conf").mkdir()
    line = ["-m", "job=job_of_a_sweep:Own", "run.seed=1,2"]
    sweep = write_sweep(plan_sweep(read_argv(line), folder=tmp_path, command=line))
    with source.open("a") as stream:
        stream.write("# other\n")
    first = Task(sweep.trials[0], 1)

    with pytest.raises(CodeChangedError, match="job_of_a_sweep"):
        TrialRunner(sweep).run(first)
    assert not sweep.folder.trial(first.trial.folder).root.exists()
    change_sweep(sweep, read_overrides(["sweep.code=current"]))
    assert RunState.COMPLETED is TrialRunner(sweep).run(first).state
