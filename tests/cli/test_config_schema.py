"""`brevetti-hydra config schema`: what it prints, writes, and leaves alone."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JOB = """
from brevetti_hydra import Field, Job, JobSettings

class Greeting(JobSettings):
    times: int = Field(1, gt=0, description="how often")

class Greeter(Job):
    settings: Greeting
"""
EXPERIMENT = "# @package _global_\n# Twice.\ntimes: 2  # or more\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a project with one job and one experiment."""
    import sys

    for name, text in {
        "greeter_of_schema.py": JOB,
        "conf/job/greeter.yaml": (
            "# @package _global_\njob: {_target_: greeter_of_schema:Greeter}\n"
        ),
        "conf/experiment/twice.yaml": EXPERIMENT,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("greeter_of_schema", None)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in (folder / "conf").rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_it_prints_the_root_schema(call: Callable[..., Any], folder: Path) -> None:
    """Without a folder one schema is printed, and nothing is written."""
    before = contents(folder)

    one = call("config", "schema", "--job", "greeter")
    every = call("config", "schema")

    assert (0, 0) == (one.code, every.code)
    assert "times" in one.document["properties"]
    assert "lr" not in one.document["properties"]
    assert {"times", "lr", "greeting"} < set(every.document["properties"])
    assert before == contents(folder)


def test_links_that_lead_in_circles_end(call: Callable[..., Any], folder: Path) -> None:
    """Groups without end are an error, as for every other command."""
    for name in ("one", "two"):
        (folder / "conf" / name).symlink_to(".")

    for words in ((), ("--out", "schemas")):
        answer = call("config", "schema", *words)

        assert 2 == answer.code
        assert "more than 1,000 groups" in answer.err


def test_it_writes_schemas_and_says_which_line(call: Callable[..., Any], folder: Path) -> None:
    """With a folder there is a schema for each kind of file; the files themselves stay."""
    before = contents(folder)

    answer = call("config", "schema", "--out", "schemas")

    assert 0 == answer.code
    assert "2 schemas in schemas\n" in answer.out
    assert "# yaml-language-server: $schema=../../schemas/experiment.json\n" in answer.out
    schema = json.loads((folder / "schemas/experiment.json").read_bytes())
    jsonschema.Draft7Validator(schema).validate({"times": 2})
    assert before == contents(folder)


def test_it_writes_the_lines(call: Callable[..., Any], folder: Path) -> None:
    """The line is put into the user's files, which else stay; a second time changes nothing."""
    path = folder / "conf/experiment/twice.yaml"
    path.chmod(0o640)

    first = call("config", "schema", "--write-modelines")
    written = contents(folder)
    second = call("config", "schema", "--write-modelines")

    assert "2 files changed: the line that names the schema\n" in first.out
    assert "changed" not in second.out
    assert written == contents(folder)
    line = "# yaml-language-server: $schema=../.schema/experiment.json\n"
    assert EXPERIMENT.replace("# Twice", f"{line}# Twice") == path.read_text(encoding="utf-8")
    assert 0o640 == stat.S_IMODE(path.stat().st_mode)
    assert {"conf/.schema/experiment.json", "conf/.schema/job.greeter.json"} < set(written)


def test_a_link_stays_one(call: Callable[..., Any], folder: Path) -> None:
    """Where a file is a link, what it leads to gets the line."""
    real = folder / "elsewhere.yaml"
    link = folder / "conf/experiment/twice.yaml"
    link.rename(real)
    link.symlink_to(os.path.relpath(real, link.parent))

    call("config", "schema", "--write-modelines")

    assert link.is_symlink()
    assert "$schema=../.schema/experiment.json" in real.read_text(encoding="utf-8")


def test_the_groups_stay_as_they_are(call: Callable[..., Any], folder: Path) -> None:
    """The folder of schemas is no group, and a run composes as before."""
    call("config", "schema", "--write-modelines")

    answer = call("job=greeter", "+experiment=twice", "--cfg", "job", "-p", "times")

    assert "# @package times\n2" in answer.out
    assert "schema" not in call("--help").out.partition("Groups and options")[2]


def test_it_answers_in_json(call: Callable[..., Any], folder: Path) -> None:
    """The document names each file with its schema, job, package and line."""
    answer = call("config", "schema", "--write-modelines", "--json").document
    printed = call("config", "schema", "--json").document

    assert ("config schema", True) == (answer["command"], answer["ok"])
    [twice] = [f for f in answer["result"]["files"] if f["file"] == "conf/experiment/twice.yaml"]
    assert {
        "file": "conf/experiment/twice.yaml",
        "schema": "conf/.schema/experiment.json",
        "job": None,
        "package": "",
        "modeline": "# yaml-language-server: $schema=../.schema/experiment.json",
        "changed": True,
    } == {**twice, "schema": os.path.relpath(twice["schema"], folder)}
    assert "times" in printed["result"]["schema"]["properties"]


@pytest.mark.parametrize(
    ("job", "hint"),
    [
        ("nobody", "hint: or name a class: --job my_package.module:MyJob\n"),
        ("greeter_of_schema:Nobody", "\n"),
    ],
)
def test_a_wrong_job_is_placed_at_its_flag(
    call: Callable[..., Any], folder: Path, job: str, hint: str
) -> None:
    """The error names what was typed, and hints at what can be."""
    del folder

    answer = call("config", "schema", "--job", job)

    assert 2 == answer.code
    assert f"  --> --job {job}\n" in answer.err
    assert hint in answer.err
    assert " job=" not in answer.err


def test_a_folder_without_files_is_told_of(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, no schema; a line says so."""
    monkeypatch.chdir(tmp_path)

    answer = call("config", "schema", "--out", "schemas")

    assert 0 == answer.code
    assert "no YAML file of your own is here" in answer.err


def test_a_broken_job_is_an_error_and_the_rest_is_written(
    call: Callable[..., Any], folder: Path
) -> None:
    """A job that cannot be imported is named; the exit code says that something must change."""
    broken = "# @package _global_\njob: {_target_: greeter_of_schema:Nobody}\n"
    (folder / "conf/job/broken.yaml").write_text(broken, encoding="utf-8")

    answer = call("config", "schema", "--out", "schemas")

    assert 2 == answer.code
    assert "there is no class 'Nobody'" in answer.err
    assert "note: the schemas leave the job 'broken' out" in answer.err
    assert (folder / "schemas/job.greeter.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lr=1"], "'lr=1' has no meaning here"),
        (["lr"], "'lr' has no meaning here"),
        (["--job", "greter"], "greter"),
        (["--job"], "--job"),
        (["-cd", "nowhere"], "the folder 'nowhere' of --config-dir does not exist"),
        (["--out", "conf/experiment/twice.yaml"], "twice.yaml"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str], message: str, call: Callable[..., Any], folder: Path
) -> None:
    """A word of a run, an unknown job, or a folder that cannot be one ends in an error."""
    answer = call("config", "schema", *words)

    assert answer.code in {1, 2}
    assert message in answer.err
    assert EXPERIMENT.encode() == contents(folder)["conf/experiment/twice.yaml"]


def test_without_configuration_there_is_nothing_to_write(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder the schema of the shipped jobs is printed, and lines have no place."""
    monkeypatch.chdir(tmp_path)

    assert "lr" in call("config", "schema").document["properties"]
    refused = call("config", "schema", "--write-modelines")

    assert 2 == refused.code
    assert "there is no folder of configuration to write to" in refused.err
    assert [] == list(tmp_path.iterdir())


def test_files_that_cannot_be_read_do_not_keep_the_others(
    call: Callable[..., Any], folder: Path
) -> None:
    """What is no YAML is named and left alone; every other file gets its line."""
    (folder / "conf/experiment/torn.yaml").write_bytes(b"a: [\n")
    (folder / "conf/experiment/other.yaml").write_bytes(b"\xff\xfe")

    answer = call("config", "schema", "--write-modelines")

    assert 2 == answer.code
    assert "'conf/experiment/torn.yaml' is no valid YAML" in answer.err
    assert "'conf/experiment/other.yaml' is no UTF-8 text" in answer.err
    assert "2 files changed" in answer.out
    assert b"a: [\n" == (folder / "conf/experiment/torn.yaml").read_bytes()
    schema = json.loads((folder / "conf/.schema/experiment.json").read_bytes())
    assert schema["additionalProperties"] is False


def test_files_outside_of_the_project_are_left_alone(
    call: Callable[..., Any], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A folder of the search path that lies elsewhere counts, and gets no lines."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "experiment").mkdir()
    (elsewhere / "experiment" / "theirs.yaml").write_text(EXPERIMENT, encoding="utf-8")
    primary = f"defaults: [job: null, _self_]\nhydra: {{searchpath: ['{elsewhere}']}}\n"
    (folder / "conf/brevetti.yaml").write_text(primary, encoding="utf-8")

    answer = call("config", "schema", "--write-modelines")

    assert "theirs" not in answer.out
    assert EXPERIMENT == (elsewhere / "experiment/theirs.yaml").read_text(encoding="utf-8")
    assert "theirs" in (folder / "conf/.schema/experiment.json").read_text(encoding="utf-8")
