"""`config migrate`: what it prints, writes and ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEPS = """
from brevetti_hydra.migrations import *

STEPS = [
    step(1, rename("greeting_text", "greeting"), rename("hello.token", "hello.api_token")),
    step(2, remove("volume", reason="greetings are printed"), rename("n", "epochs")),
]
"""


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_dir: Path) -> Path:
    """Give the conf folder of a project at version 3."""
    del runs_dir
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    monkeypatch.delitem(__import__("sys").modules, "greeting_steps", raising=False)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.brevetti_hydra]\nmigrations = "greeting_steps:STEPS"\n'
    )
    (tmp_path / "greeting_steps.py").write_text(STEPS)
    folder = tmp_path / "conf"
    folder.mkdir()
    return folder


def write(conf: Path, name: str, text: str) -> Path:
    """Write an experiment."""
    path = conf / "experiment" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# @package _global_\n{text}", encoding="utf-8")
    return path


def test_a_diff_is_printed_and_nothing_written(conf: Path, call: Callable[..., Any]) -> None:
    """Without an option a diff goes to stdout, the summary to stderr."""
    path = write(conf, "ä b", "config_version: 1\ngreeting_text: é\n")
    before = path.read_bytes()

    answer = call("config", "migrate")

    assert 0 == answer.code
    assert "-greeting_text: é\n+config_version: 3\n+greeting: é\n" in answer.out
    assert answer.out.startswith("--- a/conf/experiment/ä b.yaml\n")
    assert "1 file to change of 1, to version 3; --write writes it" in answer.err
    assert before == path.read_bytes()


def test_a_second_run_changes_nothing(conf: Path, call: Callable[..., Any]) -> None:
    """What was written is of the newest version, also where --from said what it was of."""
    path = write(conf, "a", "greeting_text: hi\n")

    first = call("config", "migrate", "--write", "--from", "1")
    written = path.read_bytes()
    second = call("config", "migrate", "--write", "--from", "1")

    assert (0, 0) == (first.code, second.code)
    assert b"# @package _global_\nconfig_version: 3\ngreeting: hi\n" == written
    assert written == path.read_bytes()
    assert "nothing to do" in second.err


def test_a_check_is_for_machines(conf: Path, call: Callable[..., Any]) -> None:
    """`--check` ends with 2 as long as a file would change."""
    write(conf, "a", "config_version: 1\ngreeting_text: hi\n")

    assert 2 == call("config", "migrate", "--check").code
    assert 0 == call("config", "migrate", "--write").code
    assert 0 == call("config", "migrate", "--check").code


def test_what_is_left_is_listed(conf: Path, call: Callable[..., Any]) -> None:
    """Files that a person has to decide stay, others are written; the document tells of all."""
    left = write(conf, "left", "config_version: 1\ngreeting_text: a\ngreeting: b\n")
    lossy = write(conf, "lossy", "config_version: 2\nvolume: 3\nn: 2\n")
    done = write(conf, "done", "config_version: 2\nn: 2\n")
    write(conf, "newer", "config_version: 9\n")
    write(conf, "broken", "a: [\n")
    before = (left.read_bytes(), lossy.read_bytes())

    answer = call("config", "migrate", "--write", "--json")

    document = answer.document
    states = {each["path"].split("/")[-1]: each["state"] for each in document["result"]["files"]}
    assert (2, False) == (answer.code, document["ok"])
    assert {
        "broken.yaml": "left",
        "done.yaml": "changed",
        "left.yaml": "left",
        "lossy.yaml": "left",
        "newer.yaml": "left",
    } == states
    assert {"config-syntax", "migration-failed", "lossy-migration", "newer-config"} == {
        error["code"] for error in document["errors"]
    }
    assert before == (left.read_bytes(), lossy.read_bytes())
    assert "epochs: 2" in done.read_text()

    assert 2 == call("config", "migrate", "--write", "--allow-lossy").code
    assert "# @package _global_\nconfig_version: 3\nepochs: 2\n" == lossy.read_text()


def test_secrets_are_not_printed(conf: Path, call: Callable[..., Any]) -> None:
    """A diff masks what looks like a secret."""
    write(conf, "a", "config_version: 1\nhello:\n  token: hunter2\n  x: 1\n")

    for words in ((), ("--json",)):
        answer = call("config", "migrate", *words)
        assert "hunter2" not in answer.out + answer.err
        assert "api_token" in answer.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "there is no file or folder 'nowhere'"),
        (("--from", "0"), "'--from' takes a version from 1, not 0"),
        (("--from", "7"), "'--from 7' is newer than this project knows"),
        (("--job", "nobody"), "the group 'job' has no option 'nobody' that names a class"),
        (("--diff", "--write"), "not allowed with argument"),
    ],
)
def test_wrong_words(
    words: tuple[str, ...], message: str, conf: Path, call: Callable[..., Any]
) -> None:
    """What is wrong with the line is said, and nothing is done."""
    answer = call("config", "migrate", *words)

    assert 2 == answer.code
    assert message in answer.err


def test_without_a_conf(conf: Path, call: Callable[..., Any]) -> None:
    """Where there is nothing to migrate, that is said."""
    conf.rmdir()

    answer = call("config", "migrate")

    assert (2, True) == (answer.code, "there is no folder 'conf' to migrate" in answer.err)


def test_a_single_file_by_its_path(
    conf: Path, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path may lead from anywhere to a file of the project."""
    path = write(conf, "a", "config_version: 2\nn: 2\n")
    monkeypatch.chdir(conf / "experiment")

    assert 0 == call("config", "migrate", "a.yaml", "--write").code
    assert "epochs: 2" in path.read_text()
