"""Every write of a run passes a named kill point."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from brevetti_hydra.errors import UsageError
from brevetti_hydra.testing.faults import KILL_POINTS, KILL_VARIABLE, arm, kill_at

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "brevetti_hydra"
SCANNED = sorted([*(PACKAGE / "run").rglob("*.py"), *(PACKAGE / "platform").rglob("*.py")])

WRITING_METHODS = {
    *("write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir", "rename", "symlink_to"),
    *("hardlink_to", "chmod", "makedirs"),
}
WRITING_OS = {
    *("write", "writev", "pwrite", "mkdir", "makedirs", "rename", "renames", "replace", "remove"),
    *("unlink", "rmdir", "removedirs", "link", "symlink", "truncate", "ftruncate", "utime"),
    *("chmod", "mkfifo", "sendfile", "posix_fallocate"),
}
WRITING_MODULES = {"shutil", "tempfile"}

# What is written there are no files: a terminal, /dev/null, a pipe that wakes a thread.
NO_FILES = {
    *(
        ("capture.py", "write"),
        ("copier.py", "write"),
        ("descriptors.py", "write"),
        ("descriptors.py", "open"),
    ),
    ("display.py", "write"),
}


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def writes(call: ast.Call) -> str | None:
    """Give the name of a call that may write a file."""
    function = call.func
    if isinstance(function, ast.Name) and function.id == "open":
        return "open" if has_writing_mode(call, 1) else None
    if not isinstance(function, ast.Attribute):
        return None
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    name = function.attr
    if owner == "os":
        return name if name in WRITING_OS or (name == "open" and opens_to_write(call)) else None
    if owner in WRITING_MODULES or name in WRITING_METHODS:
        return name
    if name == "open":
        return name if has_writing_mode(call, 0) else None
    # str.replace takes two arguments, Path.replace one.
    return name if name == "replace" and len(call.args) == 1 and not call.keywords else None


def has_writing_mode(call: ast.Call, position: int) -> bool:
    given = [each.value for each in call.keywords if each.arg == "mode"]
    mode = next(iter([*given, *call.args[position : position + 1]]), None)
    if isinstance(mode, ast.Constant):
        return bool(set(str(mode.value)) & set("wax+"))
    # A mode that only the running program knows is suspicious; an expression is no mode.
    return isinstance(mode, (ast.Name, ast.Attribute))


def opens_to_write(call: ast.Call) -> bool:
    flags = {node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute)}
    return bool(flags & {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC"})


@pytest.mark.parametrize("path", SCANNED, ids=lambda path: path.name)
def test_nothing_is_written_outside_of_a_kill_point(path: Path) -> None:
    """The code of runs and platforms writes files through `_files` only."""
    found = [(path.name, writes(call)) for call in calls(path)]

    assert [] == [each for each in found if each[1] is not None and each not in NO_FILES]


def named_points() -> Iterator[re.Pattern[str]]:
    """Give the points that the code names, as patterns: a part of some is a variable."""
    folders = [*SCANNED, *sorted((PACKAGE / "storage").rglob("*.py"))]
    for call in (call for path in folders for call in calls(path)):
        for given in [each.value for each in call.keywords if each.arg == "point"]:
            if isinstance(given, ast.Constant):
                yield re.compile(re.escape(str(given.value)))
            elif isinstance(given, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else None for p in given.values)
                yield re.compile("".join(r"\w+" if p is None else re.escape(str(p)) for p in parts))
            else:
                # Handed on: the caller names it.
                assert isinstance(given, ast.Name)
                assert "point" == given.id


def test_kill_points_are_those_of_the_code() -> None:
    """The list of kill points names what the code names, no less and no more."""
    patterns = list(named_points())

    unlisted = [
        pattern.pattern
        for pattern in patterns
        if not any(pattern.fullmatch(point) for point in KILL_POINTS)
    ]
    unused = [
        point for point in KILL_POINTS if not any(pattern.fullmatch(point) for pattern in patterns)
    ]
    assert ([], []) == (unlisted, unused)


WATCHED = """
import json, sys, traceback
from pathlib import Path
sys.path.insert(0, {folder!r})
root = Path({root!r})
import scenario
seen = []
OPENS = {{"open"}}
OTHERS = {{"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate",
          "os.chmod", "os.utime", "shutil.rmtree"}}
def watch(event, args):
    if event == "open":
        flags = args[2] if isinstance(args[2], int) else 0
        if not flags & 3 and not (isinstance(args[1], str) and set(args[1]) & set("wax+")):
            return
    elif event not in OTHERS:
        return
    if event != "os.utime" and str(root) not in str(args[0]):
        return
    files = [frame.filename for frame in traceback.extract_stack()]
    if any(name.endswith("_files.py") for name in files):
        return
    if any(name.endswith("/upath/implementations/local.py") or name.endswith("scenario.py")
           and files[-1].endswith("pathlib.py") for name in files[-6:]):
        return  # the job's own files
    seen.append([event, str(args[0])])
sys.addaudithook(watch)
for end in ("run", "fail", "tag", "remove"):
    try:
        scenario.play(end, root / "runs", Path({folder!r}))
    except ValueError:
        pass
print(json.dumps(seen))
"""


def test_a_run_writes_through_kill_points_only(tmp_path: Path) -> None:
    """Watched by an audit hook, all that a run itself writes passes a kill point."""
    folder = str(Path(__file__).parent)
    code = WATCHED.format(folder=folder, root=str(tmp_path))
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    assert [] == json.loads(result.stdout.splitlines()[-1])


def test_kill_at_knows_its_points() -> None:
    """A kill point that does not exist is an error, not a test that never strikes."""
    with pytest.raises(UsageError) as caught:
        kill_at("state.completed", "aside")

    assert "there is no kill point 'state.completed' with a moment 'aside'" == caught.value.message


def test_kill_at_adds_to_an_environment() -> None:
    """The environment says where to strike, and keeps what it held."""
    expected = {"A": "b", KILL_VARIABLE: "state.running:after:2"}

    assert expected == kill_at("state.running", "after", nth=2, environment={"A": "b"})


def test_arm_without_a_wish_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that nobody wants to kill is not listened to."""
    monkeypatch.delenv(KILL_VARIABLE, raising=False)
    arm()


@pytest.mark.parametrize("as_module", [False, True])
def test_a_script_is_run_as_python_runs_it(tmp_path: Path, as_module: bool) -> None:
    """The script sees its arguments, its own folder, and that it is the main module."""
    (tmp_path / "beside.py").write_text("x = 5")
    (tmp_path / "script.py").write_text("import sys, beside; print(__name__, sys.argv[1:])")
    named = ["-m", "script"] if as_module else ["script.py"]

    result = subprocess.run(
        [sys.executable, "-m", "brevetti_hydra.testing.faults", *named, "a=1", "-x"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    assert "__main__ ['a=1', '-x']\n" == result.stdout
