"""The guard: reading at any time, writing by a run only."""

from __future__ import annotations

import copy
import os
import pickle
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from upath import UPath

from brevetti_hydra.errors import NotRunningError
from brevetti_hydra.storage import guard, open_path

if TYPE_CHECKING:
    from collections.abc import Callable

# Calls that change something, on a folder that holds the file 'old'.
WRITES: list[Callable[[Any], object]] = [
    lambda root: (root / "new").write_text("x"),
    lambda root: (root / "new").write_bytes(b"x"),
    lambda root: (root / "new").open("w"),
    lambda root: (root / "new").open("xb"),
    lambda root: (root / "old").open("a"),
    lambda root: (root / "old").open(mode="r+b"),
    lambda root: (root / "new").mkdir(parents=True),
    lambda root: (root / "new").touch(),
    lambda root: (root / "old").unlink(),
    lambda root: (root / "old").rename(root / "new"),
    lambda root: (root / "old").replace(root / "new"),
    lambda root: (root / "new").symlink_to("old"),
    lambda root: (root / "old").chmod(0o600),
    lambda root: root.rmdir(),
    lambda root: next(root.iterdir()).unlink(),
    lambda root: next(root.glob("*")).unlink(),
    lambda root: (root / "sub").parent.joinpath("new").touch(),
    lambda root: (root / "old").with_name("new").touch(),
    lambda root: copy.copy(root / "old").unlink(),
    lambda root: (root / "old").move(root / "new"),
    lambda root: UPath(root / "old").unlink(),
]


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    """Give a folder that holds the file 'old'."""
    place = str(tmp_path) if request.param == "local" else f"memory://{uuid.uuid4().hex}"
    root = open_path(place)
    root.mkdir(exist_ok=True)
    (root / "old").write_text("old")
    return root


@pytest.mark.parametrize("write", WRITES)
def test_refuses_every_write(folder: UPath, write: Callable[[Any], object]) -> None:
    """Each call that writes is refused, and changes nothing."""
    with pytest.raises(NotRunningError, match="outside of run"):
        write(guard(folder, lambda: False))

    assert [("old", "old")] == [(path.name, path.read_text()) for path in folder.iterdir()]


def test_reads_at_any_time(folder: UPath) -> None:
    """Reading, listing and joining need no run."""
    root = guard(folder, lambda: False)

    assert "old" == (root / "old").read_text()
    with (root / "old").open("rb") as stream:
        assert b"old" == stream.read()
    assert ["old"] == [path.name for path in root.iterdir()]
    assert (True, False) == ((root / "old").exists(), (root / "new").is_file())
    assert isinstance(root, UPath)


def test_asks_at_each_call(folder: UPath) -> None:
    """A path that was made before the run writes during it, and not after it."""
    running = False
    path = guard(folder, lambda: running) / "new"

    running = True
    path.write_text("x")
    running = False

    assert "x" == path.read_text()
    with pytest.raises(NotRunningError):
        path.write_text("y")


def test_two_guards_do_not_mix(tmp_path: Path) -> None:
    """Two jobs in one process have a rule each."""
    closed, opened = guard(tmp_path, lambda: False), guard(tmp_path, lambda: True)

    (opened / "x").touch()

    with pytest.raises(NotRunningError):
        (closed / "y").touch()


def test_serves_other_libraries(tmp_path: Path) -> None:
    """What pandas, Pillow and NumPy write by a local path arrives."""
    root: Any = guard(tmp_path, lambda: True)
    pd.DataFrame({"a": [1]}).to_csv(root / "t.csv", index=False)
    Image.new("L", (2, 2)).save(root / "i.png")
    np.save(root / "n.npy", np.zeros(2))

    assert ["i.png", "n.npy", "t.csv"] == sorted(os.listdir(tmp_path))  # noqa: PTH208 - no paths of ours
    assert [1] == list(pd.read_csv(root / "t.csv")["a"])


def test_is_a_pathlib_path_when_local(tmp_path: Path) -> None:
    """Libraries that ask for a pathlib.Path get one."""
    root: Any = guard(tmp_path, lambda: False)

    assert isinstance(root / "x", Path)
    assert tmp_path / "zip::x" == root / "zip::x"


def test_another_process_gets_the_plain_path(folder: UPath) -> None:
    """A pickled path is the place without the rule, for it is not the run any more."""
    again = pickle.loads(pickle.dumps(guard(folder, lambda: False) / "old"))  # noqa: S301 - our own bytes

    assert ("ArtifactsPath", "old") != (type(again).__name__, again.read_text())
    assert "old" == again.read_text()


def test_the_error_says_what_to_do(tmp_path: Path) -> None:
    """The error names the file and the way out."""
    with pytest.raises(NotRunningError) as caught:
        (guard(tmp_path, lambda: False) / "x.txt").touch()

    assert f"cannot write '{tmp_path}/x.txt' outside of run()" == caught.value.message
    assert "move this into the job's run() and call job.start()" == caught.value.hint
