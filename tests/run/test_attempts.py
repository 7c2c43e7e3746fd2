"""What a later attempt of a run finds, and what it tells about itself."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra._files import digest_bytes
from brevetti_hydra.record import ArtifactRef
from brevetti_hydra.run.history import read_record, read_snapshot
from brevetti_hydra.run.replay import with_artifact

from .conftest import SmallJob

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.run import RunContext

    from .conftest import Starter


def fails(_run: RunContext) -> None:
    raise ValueError("too hot")


def commit(folder: Path) -> str:
    """Commit all files of a folder and give the commit's id."""
    base = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*base, *command], check=True)
    head = subprocess.run([*base, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return head.stdout.strip()


def test_each_attempt_tells_its_own_environment(starter: Starter, tmp_path: Path) -> None:
    """Commit, state and packages are those of the attempt, and nothing of the first is lost."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "job.py").write_text("x = 1\n")
    first = commit(source)
    (source / "job.py").write_text("x = 2\n")
    context = starter.context(package_folders=[source])
    with pytest.raises(ValueError, match="too hot"):
        starter.run(context, fails)
    patch = context.folder.patch.read_bytes()
    second = commit(source)
    (source / "job.py").write_text("x = 3\n")

    starter.run(context, lambda _: None)

    folder = context.folder
    one, two = read_record(folder).attempts
    places = ["snapshot.json", "config/environment-2.json"]
    assert places == [one.environment_path, two.environment_path]
    assert ([first, second], [True, True]) == (
        [one.commit, two.commit],
        [one.is_dirty, two.is_dirty],
    )
    stored: dict[str, Any] = json.loads((folder.root / two.environment_path).read_bytes())
    packages = "\n".join(stored["packages"]).encode()
    assert (digest_bytes(packages), stored["python"]["version"]) == (
        two.packages_sha256,
        two.python,
    )
    assert (first, second) == (
        read_snapshot(folder).environment["git"]["commit"],
        stored["git"]["commit"],
    )
    assert (patch, True) == (
        folder.patch.read_bytes(),
        b"+x = 3" in (folder.root / stored["git"]["patch"]["path"]).read_bytes(),
    )
    output = json.loads(folder.output.read_bytes())
    assert output["environment"]["modules"] == stored["packages"]


def test_the_journal_tells_the_environment_too(starter: Starter) -> None:
    """A record that is read from the journal alone is the same."""
    context = starter.context()
    with pytest.raises(ValueError, match="too hot"):
        starter.run(context, fails)
    starter.run(context, lambda _: None)
    before = read_record(context.folder)
    context.folder.record.unlink()

    assert before == read_record(context.folder)


def test_an_attempt_begins_with_empty_scratch_space(starter: Starter) -> None:
    """What a killed attempt has left in temp/ is gone when the next one begins."""
    context = starter.context()
    with pytest.raises(ValueError, match="too hot"):
        starter.run(context, fails)
    context.folder.temp_dir.mkdir()
    (context.folder.temp_dir / "half.bin").touch()
    found: list[list[Path]] = []

    starter.run(context, lambda run: found.append(list(run.folder.temp_dir.glob("*"))))

    assert [[]] == found


def test_default_datasets_are_described(starter: Starter, tmp_path: Path) -> None:
    """output.json and info.json name the datasets that the job has by default."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.png").write_bytes(b"image")
    context = starter.context()
    bucket = str(tmp_path / "d")

    context.start(SmallJob(context, lambda _: None), default_datasets=lambda: {"digits": bucket})

    expected = [{"id": "digits", "name": "digits", "bucket": bucket, "tags": []}]
    output = json.loads(context.folder.output.read_bytes())
    info = json.loads(context.folder.info.read_bytes())
    assert (expected, expected) == (output["job"]["datasets"], info["datasets"])


def test_sent_and_own_datasets_are_described(starter: Starter, tmp_path: Path) -> None:
    """A dataset of info.json stays in the platform's words, unless the configuration names it."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.png").write_bytes(b"image")
    bucket = str(tmp_path / "d")
    sent = [
        {"name": "theirs", "bucket": bucket, "id": "4f", "reference": "r", "tags": []},
        {"name": "both", "bucket": "/elsewhere"},
    ]

    context = starter.start(
        lambda _: None, info={"datasets": sent}, job={"datasets": {"both": bucket}}
    )

    own = {"id": "both", "name": "both", "bucket": bucket, "tags": []}
    output = json.loads(context.folder.output.read_bytes())
    assert [own, sent[0]] == output["job"]["datasets"]


def test_artifacts_stay_sorted() -> None:
    """The record keeps a sorted list of artifacts, whichever come, change or go."""

    def ref(path: str, size: int = 0) -> ArtifactRef:
        return ArtifactRef(path=path, size_bytes=size, sha256="")

    kept: tuple[ArtifactRef, ...] = ()
    for path in ("b", "a/c", "a.txt"):
        kept = with_artifact(kept, path, ref(path))
    kept = with_artifact(kept, "b", ref("b", 5))
    kept = with_artifact(with_artifact(kept, "a/c", None), "none", None)

    assert (ref("a.txt"), ref("b", 5)) == kept
