"""`config migrate`: what it prints, writes and ends with."""

from __future__ import annotations

import os
import subprocess
import sys
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
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delitem(sys.modules, "greeting_steps", raising=False)
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


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"config_version: 2\r\nn: 3 # \xc3\xbc\r\nseed: 1\r\n",
            b"config_version: 3\r\nepochs: 3 # \xc3\xbc\r\nseed: 1\r\n",
        ),
        (b"config_version: 2\nn: 3", b"config_version: 3\nepochs: 3"),
        (b"\xef\xbb\xbfconfig_version: 2\nn: 3\n", b"\xef\xbb\xbfconfig_version: 3\nepochs: 3\n"),
    ],
    ids=["carriage returns", "open end", "byte order mark"],
)
def test_a_diff_is_a_patch(
    conf: Path, call: Callable[..., Any], content: bytes, expected: bytes
) -> None:
    """`git apply` takes a diff, whatever the ends of the lines and of the file."""
    path = conf / 'ex "1"' / "a.yaml"
    path.parent.mkdir()
    head = b"# @package _global_" + (b"\r\n" if b"\r" in content else b"\n")
    bom = content[: 3 * content.startswith(b"\xef")]
    path.write_bytes(bom + head + content.removeprefix(bom))

    text = call("config", "migrate").out
    applied = subprocess.run(
        ["git", "apply", "-"],
        cwd=conf.parent,
        input=text.encode(),
        capture_output=True,
        check=False,
    )

    assert (0, b"") == (applied.returncode, applied.stderr)
    assert bom + head + expected.removeprefix(bom) == path.read_bytes()


@pytest.mark.parametrize(
    "line",
    ["passphrase: hunter22", "pair: ann:hunter22", "voice: hunter22", "weblink: hunter22"],
)
@pytest.mark.parametrize("words", [(), ("--json",)], ids=str)
def test_a_diff_hides_what_becomes_a_secret(
    conf: Path,
    call: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    words: tuple[str, ...],
) -> None:
    """A value is hidden on both sides, where the new name or the class says that it is a secret."""
    (conf.parent / "greeting_steps.py").write_text(
        "from brevetti_hydra.migrations import *\n"
        "STEPS = [step(1, rename('passphrase', 'token'), rename('weblink', 'hook'),"
        " split('pair', into=('user', 'password'), how=lambda text: text.split(':')),"
        " rename('voice', 'tone'), value('token', str.upper))]\n"
    )
    monkeypatch.delitem(sys.modules, "hooked", raising=False)
    (conf.parent / "hooked.py").write_text(
        "from brevetti_hydra import Job, JobSettings, Secret\n"
        "class Settings(JobSettings):\n    hook: Secret = 'x'\n    tone: Secret = 'x'\n"
        "class Hooked(Job):\n    settings: Settings\n    def run(self): pass\n"
    )
    write(conf, "a", f"config_version: 1\n{line}\n")

    answer = call("config", "migrate", "--job", "hooked:Hooked", *words)

    assert 0 == answer.code
    assert "config_version: 2" in answer.out
    assert "hunter22" not in (answer.out + answer.err).lower()


@pytest.mark.parametrize("line", ["api_key: hunter22", "volume: hunter22\npassword: 1"])
def test_a_problem_hides_what_looks_like_a_secret(
    conf: Path, call: Callable[..., Any], line: str
) -> None:
    """The line of what would be lost, or is set twice, is shown without its value."""
    (conf.parent / "greeting_steps.py").write_text(
        "from brevetti_hydra.migrations import *\n"
        "STEPS = [step(1, remove('api_key', reason='gone'), rename('volume', 'password'))]\n"
    )
    write(conf, "a", f"config_version: 1\n{line}\n")

    for words in (("config", "migrate"), ("job=hello", "+experiment=a")):
        answer = call(*words)
        assert 2 == answer.code
        assert "hunter22" not in answer.out + answer.err


def test_a_run_keeps_no_copy_of_a_lost_secret(
    conf: Path, call: Callable[..., Any], runs_dir: Path
) -> None:
    """Of a key that is gone no type tells; the copy of the file goes by its name."""
    (conf.parent / "greeting_steps.py").write_text(
        "from brevetti_hydra.migrations import *\n"
        "STEPS = [step(1, remove('api_key', reason='gone'))]\n"
    )
    write(conf, "a", "config_version: 1\napi_key: hunter22\nepochs: 1\n")

    assert 0 == call("job=hello", "+experiment=a", "--allow-lossy").code

    kept = [path for path in runs_dir.rglob("*") if path.is_file()]
    assert any(path.name.endswith("a.yaml") for path in kept)
    assert [] == [path for path in kept if b"hunter22" in path.read_bytes()]


def test_a_file_names_its_job_by_what_it_chooses(conf: Path, call: Callable[..., Any]) -> None:
    """`override /job: NAME` names the job, as it does for editors."""
    (conf.parent / "greeting_steps.py").write_text(
        "from brevetti_hydra.migrations import *\n"
        "STEPS = [step(1, rename('n', 'epochs'), job='brevetti_hydra.jobs.hello:Hello')]\n"
    )
    choice = "defaults:\n  - override /job: hello\n"
    chosen = write(conf, "chosen", f"config_version: 1\n{choice}n: 2\n")
    other = write(conf, "other", f"config_version: 1\n{choice.replace('hello', 'nobody')}n: 2\n")

    answer = call("config", "migrate", "--write")

    assert 2 == answer.code
    assert "epochs: 2" in chosen.read_text()
    assert "n: 2" in other.read_text()
    assert "'conf/experiment/other.yaml' names no job" in answer.err


@pytest.mark.parametrize("job", ["nobody:Nope", "brevetti_hydra.jobs.hello:Nope", "nobody"])
def test_a_job_that_nobody_knows_is_refused(conf: Path, call: Callable[..., Any], job: str) -> None:
    """With a misspelled class a file would get the newest number and keep its old names."""
    path = write(conf, "a", "config_version: 1\nn: 1\n")
    before = path.read_bytes()

    answer = call("config", "migrate", "--write", "--job", job)

    assert 2 == answer.code
    assert before == path.read_bytes()
    assert 0 == call("config", "migrate", "--job", "brevetti_hydra.jobs.hello:Hello").code


def test_a_class_by_its_old_name_is_told_of(conf: Path, call: Callable[..., Any]) -> None:
    """`job=` with the name that a class once had runs it, and says so."""
    (conf.parent / "greeting_steps.py").write_text(
        "from brevetti_hydra.migrations import *\n"
        "STEPS = [step(1, move_job('greet:Hi', 'brevetti_hydra.jobs.hello:Hello'))]\n"
    )

    answer = call("job=greet:Hi")

    assert 0 == answer.code
    told = "'greet:Hi' is now 'brevetti_hydra.jobs.hello:Hello'; taken as that"
    assert f"warning: {told}\n" in answer.err


def test_both_names_in_a_file_without_a_job(conf: Path, call: Callable[..., Any]) -> None:
    """What no job decides is told of as it is, and not as a question for the job."""
    (conf.parent / "greeting_steps.py").write_text(
        "from brevetti_hydra.migrations import *\n"
        "STEPS = [step(1, rename('a', 'b')), step(1, rename('c', 'd'), job='greet:Hi')]\n"
    )
    write(conf, "both", "config_version: 1\na: 1\nb: 2\n")

    answer = call("config", "migrate")

    assert "'a' and 'b', its new name, are both set" in answer.err
    assert "names no job" not in answer.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
@pytest.mark.parametrize(
    "words",
    [("config", "migrate"), ("config", "schema", "--write-modelines"), ("job=hello", "--help")],
    ids=" ".join,
)
def test_pipes_are_left_alone(conf: Path, call: Callable[..., Any], words: tuple[str, ...]) -> None:
    """A pipe that is called as configuration is neither read nor offered."""
    write(conf, "a", "epochs: 1\n")
    os.mkfifo(conf / "experiment" / "pipe.yaml")

    answer = call(*words)

    assert 0 == answer.code
    assert "pipe" not in answer.out + answer.err
