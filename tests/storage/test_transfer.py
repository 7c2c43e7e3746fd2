"""How a model comes under the artifacts, and what lies there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.errors import (
    MissingExtraError,
    ModelNotFoundError,
    StorageReadError,
    StorageWriteError,
    UnsafePathError,
)
from brevetti_hydra.storage import guard, list_artifacts, open_path, store_model
from brevetti_hydra.storage.transfer import safe_name


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Give where the artifacts will lie; the folder is not made yet."""
    return tmp_path / "artifacts"


def make_model(root: Path) -> Path:
    """Make a folder with files, folders and links inside."""
    model = root / "saved_model"
    (model / "weights").mkdir(parents=True)
    (model / "empty").mkdir()
    (model / "weights" / "a b.npy").write_bytes(b"weights")
    (model / "config.json").write_text("{}")
    (model / "run.sh").write_text("")
    (model / "run.sh").chmod(0o755)
    (model / "latest").symlink_to("weights")
    (model / "absolute.json").symlink_to(model / "config.json")
    return model


def test_copies_a_file(tmp_path: Path, artifacts: Path) -> None:
    """A file from anywhere is copied under its name."""
    (tmp_path / "my model.onnx").write_bytes(b"x")

    assert "my model.onnx" == store_model(tmp_path / "my model.onnx", artifacts)
    assert b"x" == (artifacts / "my model.onnx").read_bytes()


def test_takes_a_relative_path(
    tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path means the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("model.bin").write_bytes(b"x")

    assert "model.bin" == store_model("model.bin", artifacts)


def test_leaves_an_artifact_where_it_is(artifacts: Path) -> None:
    """A file that lies under the artifacts is named, not copied."""
    (artifacts / "deep").mkdir(parents=True)
    (artifacts / "deep" / "model.bin").write_bytes(b"x")
    guarded = guard(artifacts, lambda: False) / "deep" / "model.bin"

    assert "deep/model.bin" == store_model(guarded, artifacts)
    assert ["deep/model.bin"] == [stored.path for stored in list_artifacts(artifacts)]


def test_never_overwrites(tmp_path: Path, artifacts: Path) -> None:
    """A taken name gets a number, and what was there stays."""
    artifacts.mkdir()
    (artifacts / "m.tar.gz").write_bytes(b"old")
    (tmp_path / "m.tar.gz").write_bytes(b"new")
    (tmp_path / "output.json").write_bytes(b"{}")

    assert "m-2.tar.gz" == store_model(tmp_path / "m.tar.gz", artifacts)
    assert "m-3.tar.gz" == store_model(tmp_path / "m.tar.gz", artifacts)
    assert "output-2.json" == store_model(tmp_path / "output.json", artifacts)
    assert b"old" == (artifacts / "m.tar.gz").read_bytes()


def test_packs_a_folder(tmp_path: Path, artifacts: Path) -> None:
    """A folder becomes one archive that unpacks to the same folder."""
    stored = store_model(make_model(tmp_path), artifacts)
    with tarfile.open(artifacts / stored) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    out = tmp_path / "out" / "saved_model"

    assert "saved_model.tar.gz" == stored
    assert b"weights" == (out / "latest" / "a b.npy").read_bytes()
    assert "{}" == (out / "absolute.json").read_text()
    assert ["config.json", "empty", "latest"] == sorted(os.listdir(out))[1:4]  # noqa: PTH208 - names
    assert os.access(out / "run.sh", os.X_OK)


def test_packs_the_same_bytes(tmp_path: Path, artifacts: Path) -> None:
    """Times, owners and the order of making do not change the archive."""
    first = store_model(make_model(tmp_path / "1"), artifacts)
    model = make_model(tmp_path / "2")
    for path in model.rglob("*"):
        os.utime(path, (1, 1))
    second = store_model(model, artifacts)

    assert first != second
    assert (artifacts / first).read_bytes() == (artifacts / second).read_bytes()


def test_packs_a_folder_under_the_artifacts(artifacts: Path) -> None:
    """A folder that lies under the artifacts is packed beside it."""
    make_model(artifacts)

    assert "saved_model.tar.gz" == store_model(artifacts / "saved_model", artifacts)


@pytest.mark.parametrize("target", ["/etc/hostname", "../secret", "nothing", "loop"])
def test_refuses_a_link_that_leaves(tmp_path: Path, artifacts: Path, target: str) -> None:
    """A link out of the folder, to nothing or to itself is refused by name."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "loop").symlink_to(target)

    with pytest.raises(UnsafePathError, match=r"the link '.*loop'.* leads out of it"):
        store_model(tmp_path / "model", artifacts)
    assert not artifacts.exists() or [] == list(artifacts.iterdir())


def test_refuses_special_files(tmp_path: Path, artifacts: Path) -> None:
    """A fifo is no model, and is not waited for."""
    (tmp_path / "model").mkdir()
    os.mkfifo(tmp_path / "model" / "fifo")

    for source in (tmp_path / "model", tmp_path / "model" / "fifo"):
        with pytest.raises(UnsafePathError):
            store_model(source, artifacts)


def test_refuses_the_artifacts_themselves(tmp_path: Path, artifacts: Path) -> None:
    """A folder that holds the artifacts would hold itself."""
    artifacts.mkdir()
    for source in (artifacts, tmp_path):
        with pytest.raises(UnsafePathError, match="holds the artifacts"):
            store_model(source, artifacts)


@pytest.mark.parametrize("source", ["nothing", "a\0b", "x" * 5000, "memory://nothing"])
def test_names_a_missing_model(tmp_path: Path, artifacts: Path, source: str) -> None:
    """What run() returned and does not exist is an error."""
    with pytest.raises(ModelNotFoundError, match="was not found"):
        store_model(source if "://" in source else f"{tmp_path}/{source}", artifacts)


def test_names_a_missing_package(artifacts: Path) -> None:
    """A model in a store that is not installed names the package."""
    with pytest.raises(MissingExtraError, match="'adlfs' is not installed"):
        store_model("abfs://c/model.bin", artifacts)


def test_fetches_a_file_by_url(artifacts: Path) -> None:
    """A model in another file system is fetched."""
    root = open_path(f"memory://{uuid.uuid4().hex}")
    root.mkdir()
    (root / "model.bin").write_bytes(b"x" * 3_000_000)

    assert "model.bin" == store_model(str(root / "model.bin"), artifacts)
    assert b"x" * 3_000_000 == (artifacts / "model.bin").read_bytes()


def test_packs_a_folder_by_url(tmp_path: Path, artifacts: Path) -> None:
    """A folder in another file system gives the same archive as one on this machine."""
    root = open_path(f"memory://{uuid.uuid4().hex}") / "m"
    for place in (root, tmp_path / "m"):
        place.mkdir(parents=True)
        (place / "b").write_bytes(b"b")
        (place / "a").write_bytes(b"aa")

    first, second = store_model(root, artifacts), store_model(tmp_path / "m", artifacts)

    assert ("m.tar.gz", "m-2.tar.gz") == (first, second)
    assert (artifacts / first).read_bytes() == (artifacts / second).read_bytes()


def test_a_file_in_the_place_of_the_artifacts(tmp_path: Path) -> None:
    """Artifacts that cannot be made are an error, not a traceback."""
    (tmp_path / "artifacts").write_text("")
    (tmp_path / "m").write_text("")

    with pytest.raises(StorageWriteError):
        store_model(tmp_path / "m", tmp_path / "artifacts")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, artifacts: Path) -> None:
    """A model that does not fit is an error, and no part of it stays."""
    (tmp_path / "big").write_bytes(b"x" * 200_000)
    code = """
import pathlib, resource, signal, sys
from brevetti_hydra.errors import StorageWriteError
from brevetti_hydra.storage import store_model
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store_model(sys.argv[1], pathlib.Path(sys.argv[2]))
except StorageWriteError as error:
    print(error.message)
"""
    command = [sys.executable, "-B", "-c", code, str(tmp_path / "big"), str(artifacts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert f"cannot write '{artifacts}/big'\n" == done.stdout
    assert [] == list(artifacts.iterdir())


def test_lists_artifacts_sorted(artifacts: Path, tmp_path: Path) -> None:
    """Artifacts come sorted by path, with size and digest; links to folders are left out."""
    (artifacts / "a").mkdir(parents=True)
    for name in ("a/b.txt", "a.txt", "z\n.txt"):
        (artifacts / name).write_text(name)
    (artifacts / "link").symlink_to(tmp_path)
    (artifacts / "loop").symlink_to("loop")
    expected = [
        (name, len(name), hashlib.sha256(name.encode()).hexdigest())
        for name in ("a.txt", "a/b.txt", "z\n.txt")
    ]

    assert expected == list(list_artifacts(artifacts))


def test_lists_nothing_where_nothing_is(artifacts: Path) -> None:
    """A folder that was not made has no artifacts; a file in its place is an error."""
    assert [] == list(list_artifacts(artifacts))
    artifacts.write_text("")
    with pytest.raises(StorageReadError):
        list(list_artifacts(artifacts))


@given(st.text(max_size=300))
def test_safe_names_are_safe(name: str) -> None:
    """Any name becomes one short visible file name, and stays it."""
    safe = safe_name(name)

    assert safe == safe_name(safe)
    assert 0 < len(safe.encode()) <= 150
    assert not set(safe) & set("/\\\0\n\"'%#?*:")
    assert not safe.startswith(".")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("saved_model.tar.gz", "saved_model.tar.gz"),
        ("größe 2 (final).onnx", "größe 2 (final).onnx"),
        ("a'b\n#%.bin", "a_b___.bin"),
        ("...", "model"),
        (".hidden.bin", "hidden.bin"),
        ("x" * 300 + ".tar.gz", "x" * 143 + ".tar.gz"),
    ],
)
def test_safe_names_keep_what_is_ordinary(name: str, expected: str) -> None:
    """An ordinary name stays, and a long one keeps its suffix."""
    assert expected == safe_name(name)
