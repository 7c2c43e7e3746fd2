"""What a run takes from and notes about its surroundings: git, packages, seeds, processes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from brevetti_hydra.run.environment import describe_environment, list_packages
from brevetti_hydra.run.folders import RunFolder, new_run_id, short_id_of, slug
from brevetti_hydra.run.git import GitState, begin_git
from brevetti_hydra.run.ignored import begin_ignored
from brevetti_hydra.run.liveness import ProcessMark, is_gone, this_process
from brevetti_hydra.run.seeding import Seeding


def git(folder: Path, *command: str) -> str:
    base = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    return subprocess.run(
        [*base, *command], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a git tree with two commits' worth of files."""
    folder = tmp_path / "a tree 'ü'"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg" / "job.py").write_text("x = 1\n")
    (folder / "other.py").write_text("x = 1\n")
    (folder / "conf.yaml").write_text("a: 1\n")
    (folder / ".gitignore").write_text("ignored*\n")
    git(folder, "init", "-q", "-b", "trunk")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def look(
    folder: Path, *, python_in: list[Path] | None = None, yaml: list[str] | None = None
) -> GitState:
    state = begin_git(folder).gather(python_in=python_in or [folder], yaml_files=yaml or [])
    assert state is not None
    return state


def test_a_clean_tree(tree: Path) -> None:
    """Commit and branch are known, and nothing differs."""
    state = look(tree)

    assert (git(tree, "rev-parse", "HEAD"), "trunk", ("trunk",)) == (
        state.commit,
        state.branch,
        state.branches,
    )
    assert (False, (), 0, b"") == (state.is_dirty, state.changed, state.untracked, state.patch)


def test_a_changed_tree(tree: Path) -> None:
    """Changed files are named, untracked ones counted, and the job's own differences kept."""
    (tree / "pkg" / "job.py").write_text("x = 2\n")
    (tree / "other.py").write_text("x = 2\n")
    (tree / "conf.yaml").write_text("a: 2\n")
    (tree / "new file.py").write_text("x")
    (tree / "ignored.py").write_text("x")

    state = look(tree, python_in=[tree / "pkg"], yaml=[str(tree / "conf.yaml")])

    assert (True, ("conf.yaml", "other.py", "pkg/job.py"), 1) == (
        state.is_dirty,
        tuple(sorted(state.changed)),
        state.untracked,
    )
    assert [b"+a: 2", b"+x = 2"] == [
        line for line in state.patch.splitlines() if line[:2] in {b"+a", b"+x"}
    ]


def test_a_patch_can_be_applied(tree: Path) -> None:
    """The patch turns the commit into what was run, file names of any kind included."""
    names = ["pkg/a b.py", "pkg/ü.py", "pkg/it's.py", "pkg/x\ty.py"]
    for name in names:
        (tree / name).write_text("x = 1\n")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "two")
    for name in names:
        (tree / name).write_text("x = 2\n")
    state = look(tree)
    git(tree, "checkout", "-q", ".")

    (tree.parent / "p.patch").write_bytes(state.patch)
    git(tree, "apply", str(tree.parent / "p.patch"))

    assert ["x = 2\n"] * 4 == [(tree / name).read_text() for name in names]


def test_large_differences_are_left_out(tree: Path) -> None:
    """A file's differences of more than a megabyte are not kept, and that is told."""
    (tree / "pkg" / "job.py").write_text("x = 1\n" * 300_000)

    state = look(tree)

    assert (b"", (("pkg/job.py", "larger than 1 MB"),)) == (state.patch, state.left_out)


def test_a_remote_is_known_without_credentials(tree: Path) -> None:
    """Neither user nor query of the remote's address are kept."""
    git(tree, "remote", "add", "other", "https://h/o.git")
    git(tree, "remote", "add", "origin", "https://user:token@host.example/r.git?key=abc")

    assert "https://host.example/r.git" == look(tree).remote_url


def test_a_tree_without_commits(tmp_path: Path) -> None:
    """Before the first commit there is a branch, but no commit."""
    git(tmp_path, "init", "-q", "-b", "trunk")

    state = look(tmp_path)

    assert (None, "trunk") == (state.commit, state.branch)


def test_a_detached_head(tree: Path) -> None:
    """On a detached head there is a commit, but no branch."""
    git(tree, "checkout", "-q", "--detach")

    assert (None, True) == (look(tree).branch, look(tree).commit is not None)


def test_outside_of_a_tree(tmp_path: Path) -> None:
    """Where git knows nothing, nothing is known."""
    assert None is begin_git(tmp_path).gather(python_in=[], yaml_files=[])


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git has no state."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert None is begin_git(tmp_path).gather(python_in=[], yaml_files=[])


def test_programs_that_a_repository_names_are_not_run(tree: Path) -> None:
    """Monitor, hooks, external diff and text conversion of a foreign tree are left alone."""
    trap = tree / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{tree.parent}/sprung'\n")
    trap.chmod(0o755)
    (tree / ".gitattributes").write_text("*.py diff=trap\n")
    for key in ("core.fsmonitor", "diff.external", "diff.trap.command", "diff.trap.textconv"):
        git(tree, "config", key, f"'{trap}'")
    git(tree, "config", "core.hooksPath", str(tree))
    (tree / "pkg" / "job.py").write_text("x = 2\n")

    state = look(tree)

    assert (False, True) == ((tree.parent / "sprung").exists(), b"+x = 2" in state.patch)


def canary(folder: Path) -> Path:
    """Make a program that copies its input, and leaves a trace that it ran."""
    trap = folder / "trap 'x'.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{folder.parent}/sprung'\ncat\n")
    trap.chmod(0o755)
    return trap


@pytest.mark.parametrize("name", ["trap", "a=b.c d", "a.clean"])
@pytest.mark.parametrize("key", ["clean", "process"])
@pytest.mark.parametrize("place", ["config", "included", "worktree"])
def test_filters_that_a_repository_names_are_not_run(
    tree: Path, name: str, key: str, place: str
) -> None:
    """A filter of the repository's own configuration is no reason to run a program."""
    trap = canary(tree)
    # Attributes cannot spell every name; the configuration can hold it all the same.
    (tree / ".gitattributes").write_text(f"*.py filter={name.partition(' ')[0]}\n")
    for filtered in {name, name.partition(" ")[0]}:
        where = ["config"]
        if place == "included":
            git(tree, "config", "include.path", "more")
            where = ["config", "--file", str(tree / ".git" / "more")]
        elif place == "worktree":
            git(tree, "config", "extensions.worktreeConfig", "true")
            where = ["config", "--worktree"]
        git(tree, *where, f"filter.{filtered}.{key}", f'"{trap}"')
        git(tree, *where, f"filter.{filtered}.required", "true")
    (tree / "pkg" / "job.py").write_text("x = 2\n")

    state = look(tree)

    assert (False, True) == ((tree.parent / "sprung").exists(), b"+x = 2" in state.patch)


def test_filters_that_the_user_names_are_run(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter of the user's own configuration, such as that of large files, does its work."""
    trap = canary(tree)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tree / ".gitattributes").write_text("*.py filter=trap\n")
    git(tree, "config", "--global", "filter.trap.clean", f'"{trap}"')
    (tree / "pkg" / "job.py").write_text("x = 2\n")

    state = look(tree)

    assert (True, True) == ((tree.parent / "sprung").exists(), b"+x = 2" in state.patch)


def test_ignored_files_are_found_in_any_tree(tree: Path, tmp_path: Path) -> None:
    """Ignored files are those that git ignores in the tree that holds them."""
    inner = tree / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / ".gitignore").write_text("secret*\n")
    (tree / "ignored tracked.yaml").touch()
    git(tree, "add", "-f", "ignored tracked.yaml")
    (tree / "link.yaml").symlink_to(tree / "ignored'.yaml")
    outside = tmp_path / "ignored.yaml"
    files = [
        *(tree / "conf.yaml", tree / "ignored'.yaml", tree / "link.yaml"),
        *(tree / "ignored tracked.yaml", inner / "secret\n.yaml", inner / "ignored", outside),
    ]

    found = begin_ignored(str(file) for file in files).gather()

    ignored = [tree / "ignored'.yaml", tree / "link.yaml", inner / "secret\n.yaml"]
    assert {str(file): "git ignores it" for file in ignored} == found


def test_where_git_does_not_answer_nothing_may_be_kept(tree: Path) -> None:
    """In a tree that git refuses to read, every file may be an ignored one."""
    file = str(tree / "conf.yaml")
    (tree / ".git" / "config").write_text("[core\n")

    assert {file: "git does not say whether it ignores it"} == begin_ignored([file]).gather()


def test_a_look_that_is_abandoned_leaves_no_process(tree: Path) -> None:
    """What nobody wants to know any more is not waited for in vain."""
    probe = begin_git(tree)
    probe.abandon()
    probe.abandon()

    assert None is probe.gather(python_in=[], yaml_files=[])


def test_packages_are_listed_without_reading_them() -> None:
    """The list has each package once, with its version, in order."""
    import pydantic

    found = list_packages()

    assert f"pydantic=={pydantic.VERSION}" in found
    names = [each.partition("==")[0] for each in found]
    assert sorted(set(names)) == names


def test_the_environment_holds_what_changes_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thread and ISA variables are noted, others and anything like a key are not."""
    for name in ("OMP_NUM_THREADS", "MKL_CBWR", "ATEN_CPU_CAPABILITY", "PYTHONHASHSEED"):
        monkeypatch.setenv(name, "1")
    for name in ("HOME_X", "MKL_API_KEY", "TORCH_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")

    found = describe_environment()

    noted = {"OMP_NUM_THREADS", "MKL_CBWR", "ATEN_CPU_CAPABILITY", "PYTHONHASHSEED"}
    assert noted == noted & set(found["variables"])
    assert "secret" not in found["variables"].values()
    assert (sys.version.split()[0], os.cpu_count()) == (
        found["python"]["version"],
        found["hardware"]["cpus"],
    )


def test_a_seed_gives_the_same_numbers() -> None:
    """Python and NumPy give the same numbers after the same seed."""
    import numpy as np

    def draw(seed: int | None) -> tuple[float, float]:
        seeding = Seeding(seed)
        seeding.start()
        seeding.stop()
        return random.random(), float(np.random.random())  # noqa: NPY002, S311 - what is seeded

    assert draw(7) == draw(7) != draw(8)
    random.seed(7)
    before = random.getstate()
    Seeding(None).start()
    assert before == random.getstate()


LATE = """
import sys
sys.path.insert(0, {folder!r})
from brevetti_hydra.run.seeding import Seeding
assert "numpy" not in sys.modules and "torch" not in sys.modules
seeding = Seeding(7)
seeding.start()
import numpy as np, torch
first = np.random.random()
seeding.stop()
assert seeding not in sys.meta_path
print(first, torch.SEEDED, "exec_module" in vars(torch.__loader__))
np.random.seed(7)
print(np.random.random())
"""


def test_what_the_job_imports_is_seeded_too(tmp_path: Path) -> None:
    """NumPy and torch are seeded when the job imports them in run()."""
    (tmp_path / "torch.py").write_text(
        "SEEDED = None\ndef manual_seed(s):\n    global SEEDED\n    SEEDED = s\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", LATE.format(folder=str(tmp_path))],
        check=True,
        capture_output=True,
        text=True,
    )

    first, second = result.stdout.splitlines()
    assert f"{second} 7 False" == first


def test_this_process_lives() -> None:
    """A process is alive as long as it is, whatever its heartbeat."""
    assert not is_gone(this_process(), beat=0, now=1e9, lease_s=1)


def test_an_ended_process_is_gone() -> None:
    """A process that has ended is gone at once, and so is a zombie."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = this_process()._replace(pid=process.pid, started="0")
    stat = Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b")")[2].split()
    lives = mark._replace(started=stat[19].decode())
    found = [is_gone(mark, beat=0, now=0, lease_s=1), is_gone(lives, beat=0, now=1e9, lease_s=1)]
    process.kill()
    while b"Z" != Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b")")[2].split()[0]:
        time.sleep(0.01)
    found.append(is_gone(lives, beat=0, now=0, lease_s=1))
    process.communicate()
    found.append(is_gone(lives, beat=0, now=0, lease_s=1))

    # Another process of the same number is not the one that was meant.
    assert [True, False, True, True] == found


@pytest.mark.parametrize(("age", "expected"), [(59, False), (61, True)])
def test_elsewhere_the_heartbeat_counts(age: float, expected: bool) -> None:
    """On another host, boot or container a process is gone when its lease is over."""
    for mark in (
        this_process()._replace(host="elsewhere"),
        this_process()._replace(boot_id="another"),
    ):
        assert expected == is_gone(mark, beat=1000, now=1000 + age, lease_s=60)


def test_marks_are_plain() -> None:
    """A mark is the same each time it is taken."""
    assert (this_process(), os.getpid()) == (ProcessMark(*this_process()), this_process().pid)


MANY = """
import sys
from pathlib import Path
from brevetti_hydra.run.folders import RunFolder, new_run_id
sys.stdin.readline()
for _ in range(10):
    print(RunFolder.new(Path(sys.argv[1]), "same name", new_run_id(), 1_800_000_000.0).name)
"""


def test_fifty_starts_at_once_have_their_own_folders(tmp_path: Path) -> None:
    """Fifty processes that start in the same second each make folders of their own."""
    root = str(tmp_path / "runs")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(50)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    names = [name for process in processes for name in process.communicate()[0].split()]

    assert (500, 500) == (len(names), len(set(names)))
    assert {*names, ".gitignore"} == {path.name for path in (tmp_path / "runs").iterdir()}


def test_a_folder_that_was_there_is_left_as_it_is(tmp_path: Path) -> None:
    """Only a folder of all runs that we made ourselves ignores itself."""
    RunFolder.new(tmp_path, "a", new_run_id(), 0)
    RunFolder.new(tmp_path / "deep" / "runs", "a", new_run_id(), 0)

    assert [tmp_path / "deep" / "runs" / ".gitignore"] == list(tmp_path.rglob(".gitignore"))


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    """A run of the same id and second does not move into another's folder."""
    run_id = new_run_id()
    RunFolder.new(tmp_path, "a", run_id, 0)

    with pytest.raises(FileExistsError):
        RunFolder.new(tmp_path, "a", run_id, 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Classifier", "classifier"),
        ("a/b\\c: d", "a-b-c-d"),
        ("../..", "job"),
        ("日本", "job"),
        ("x" * 100, "x" * 40),
        ("", "job"),
        ("a\n--b", "a-b"),
    ],
)
def test_names_become_folders(name: str, expected: str) -> None:
    """A job's name is made fit for a folder on any system."""
    assert expected == slug(name)


def test_ids_are_uuids() -> None:
    """A run's id is a random UUID, whose first digits stand in the folder's name."""
    import uuid

    run_id = new_run_id()
    folder = RunFolder.named(Path("/runs"), "a-b", run_id, 0)

    assert (4, run_id) == (uuid.UUID(run_id).version, str(uuid.UUID(run_id)))
    assert run_id.replace("-", "")[:10] == folder.short_id == short_id_of(folder.name)


@pytest.mark.parametrize(
    "name", ["", "runs", "20261123T101500Z-a-xyz", "20261123T101500Z-4f1c9a1200x"]
)
def test_other_folders_have_no_short_id(name: Any) -> None:
    """A folder that is no run's has no short id."""
    assert None is short_id_of(name)
