"""A canary by every way that a secret can take; none is in what runs leave or print."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import pytest

from brevetti_hydra.record import RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JOB = """\
import dataclasses, os, signal, subprocess, sys
from pydantic import model_validator
from brevetti_hydra import Field, Job, JobSettings, Secret

@dataclasses.dataclass
class Login:
    pin: Secret | None = None

class Deep(JobSettings):
    login: Login = Field(default_factory=Login)

class Settings(JobSettings):
    over: Secret = Secret("")
    short: Secret = Secret("")
    literal: Secret = Secret("")
    in_yaml: Secret = Secret("")
    dropped: Secret = Secret("")
    from_env: Secret = Secret("")
    by_default: Secret = Secret("CANARY-default")
    by_factory: Secret = Field(default_factory=lambda: Secret("CANARY-factory"))
    made: Secret = Secret("")
    many: list[Secret] = []
    named: dict[str, Secret] = {}
    deep: Deep = Deep()
    refers: str = ""
    label: str = ""
    select: str = ""
    dirname: str = ""
    port: int = 1
    end: str = "well"

    @model_validator(mode="after")
    def _make(self):
        object.__setattr__(self, "made", Secret("CANARY-made"))
        return self

class MyJob(Job):
    settings: Settings

    def run(self):
        s = self.settings
        given = [s.over, s.literal, s.in_yaml, s.from_env, s.by_default, s.by_factory, s.made]
        given += [*s.many, *s.named.values(), s.deep.login.pin]
        texts = [each.get_secret_value() for each in given if each is not None]
        # Shorter ones are masked by their places alone.
        texts = [text for text in texts if len(text) >= 6]
        assert self.name == "CANARY-name", self.name
        for dataset in self.datasets:
            assert next(dataset.iter_images(), None) is not None
        print(*texts, flush=True)
        print(*texts, file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1:])", *texts], check=True)
        self.logger.warning("it is %s", texts)
        self.add_output_metric(texts[0], 1)
        self.report_progress(1, **{texts[1]: 1})
        if s.end == "raise" and self.record.attempts[-1].number == 1:
            raise ValueError(f"refused {texts}")
        if s.end == "kill" and self.record.attempts[-1].number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    MyJob.init().start()
"""
YAML = """\
in_yaml: CANARY-yaml
dropped: "CANARY-drop\\x65d"
many:
  - CANARY-many
  - Zq9Zq
named: {a: CANARY-named, b: 'Zq8Zq'}
deep: {login: {pin: Zq7Zq}}
job:
  name: ${oc.env:WAY_NAME}
  datasets:
    first: ${oc.env:WAY_DATA}
    second: {bucket: "${job.datasets.first}", id: "${oc.env:WAY_ID}", tags: ["${oc.env:WAY_TAG}"]}
  models: {m: "s3://user:CANARY-password@bucket/x?signature=CANARY-signature"}
run: {note: "see ${oc.env:WAY_NOTE}", name: "${oc.env:WAY_RUN}", tags: ["${oc.env:WAY_TAG}"]}
label: a ${oc.env:WAY_LABEL}
select: ${oc.select:label}
refers: holds ${in_yaml}
dirname: ${hydra:job.override_dirname}
"""
OVERRIDES = [
    "over=CANARY-over",
    "short=Zq6",
    "--literal",
    "CANARY-literal",
    "from_env=${oc.env:WAY_SECRET}",
    "job.datasets.third=local://CANARY-user:CANARY-pass@nowhere",
    "~job.datasets.third",
    "~dropped",
]
VARIABLES = (
    *("WAY_NAME", "WAY_ID", "WAY_TAG", "WAY_NOTE", "WAY_RUN", "WAY_LABEL", "WAY_SECRET"),
    "BREVETTI_API_KEY",
)
# Short ones are found by their places alone; each is a text that nothing else holds.
CANARIES = ("CANARY", quote("CANARY-"), "Zq9Zq", "Zq8Zq", "Zq7Zq", "Zq6")


class Told(NamedTuple):
    """What a process ended in, and everything that it printed."""

    code: int
    text: str


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project of one job in a git tree, with a canary wherever one can be put."""
    folder = tmp_path / "project"
    images = tmp_path / "CANARY-data" / "good"
    images.mkdir(parents=True)
    (images / "a.png").write_bytes(b"no picture, but it ends in .png")
    (folder / "conf").mkdir(parents=True)
    files = {
        "pyproject.toml": "",
        "canary_job.py": JOB,
        "notes.txt": "",
        "conf/brevetti.yaml": YAML,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "one"],
        ["remote", "add", "origin", "https://me:CANARY-git@host.example/r.git"],
    ):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    (folder / "notes.txt").write_text("CANARY-dirty\n")
    (folder / "untracked.txt").write_text("CANARY-untracked\n")
    (folder / ".env").write_text("X=CANARY-dotenv\n")
    for name in VARIABLES:
        monkeypatch.setenv(name, f"CANARY-{name.rpartition('_')[2].lower()}")
    monkeypatch.setenv("WAY_DATA", str(tmp_path / "CANARY-data"))
    return folder


@pytest.fixture
def tell(project: Path) -> Callable[..., Told]:
    """Give a function that runs Python in the project to its end."""

    def call(*words: str) -> Told:
        done = subprocess.run(
            [sys.executable, *words], cwd=project, capture_output=True, text=True, check=False
        )
        return Told(done.returncode, done.stdout + done.stderr)

    return call


def leaks(project: Path, told: Told) -> list[str]:
    """Name what holds a canary below `runs`, and the printed lines that do."""
    runs = project / "runs"
    files = [path for path in sorted(runs.rglob("*")) if path.is_file()]
    found = [
        f"{path.relative_to(runs)}: {piece}"
        for path in files
        for piece in CANARIES
        if piece.encode() in path.read_bytes() or piece in str(path.relative_to(runs))
    ]
    return found + [line for line in told.text.splitlines() if any(c in line for c in CANARIES)]


def record(project: Path) -> Any:
    """Read the record of the one run."""
    (path,) = (project / "runs").glob("*/record.json")
    return json.loads(path.read_bytes())


LINE = ["-m", "brevetti_hydra", "job=canary_job:MyJob", *OVERRIDES]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_run_that_completes(form: list[str], project: Path, tell: Callable[..., Told]) -> None:
    """Neither its folder nor what it printed holds a secret, or what the environment gave."""
    told = tell(*LINE, *form)

    assert 0 == told.code, told.text
    assert [] == leaks(project, told)
    written = record(project)
    assert ["my_job", "${oc.env:WAY_RUN}", "see ${oc.env:WAY_NOTE}", ["${oc.env:WAY_TAG}"]] == [
        written["job"]["name"],
        written["name"],
        written["note"],
        written["tags"],
    ]
    assert "a ${oc.env:WAY_LABEL}" == written["settings"]["label"]
    assert "from_env=${oc.env:WAY_SECRET}" in written["command"]


def test_the_datasets_of_a_record_bear_their_unresolved_names(
    project: Path, tell: Callable[..., Told]
) -> None:
    """Snapshot, output.json and info.json say where a dataset lies as the configuration does."""
    tell(*LINE)

    (run,) = [path.parent for path in (project / "runs").glob("*/record.json")]
    snapshot = json.loads((run / "snapshot.json").read_bytes())
    output = json.loads((run / "storage" / "artifacts" / "output.json").read_bytes())
    info = json.loads((run / "storage" / "info.json").read_bytes())
    expected = [
        ("first", "first", "${oc.env:WAY_DATA}"),
        ("second", "${oc.env:WAY_ID}", "${job.datasets.first}"),
    ]
    for found in (snapshot["datasets"], output["job"]["datasets"], info["datasets"]):
        assert expected == [(one["name"], one["id"], one["bucket"]) for one in found]


def test_a_run_that_fails(project: Path, tell: Callable[..., Told]) -> None:
    """Its traceback, on the terminal and in the record, holds none."""
    failed = tell(*LINE, "end=raise", "--traceback")

    assert 1 == failed.code, failed.text
    assert "refused [" in failed.text
    assert [] == leaks(project, failed)


def test_a_run_that_is_resumed(project: Path, tell: Callable[..., Told]) -> None:
    """A new attempt reads the environment anew, and leaves as little of it."""
    lines = [
        line for line in YAML.splitlines() if "env:" in line or line in {"job:", "  datasets:"}
    ]
    (project / "conf" / "brevetti.yaml").write_text("\n".join(lines), encoding="utf-8")
    words = ["job=canary_job:MyJob", "from_env=${oc.env:WAY_SECRET}", "end=raise"]
    failed = tell("-m", "brevetti_hydra", *words)

    assert 1 == failed.code, failed.text
    resumed = tell("-m", "brevetti_hydra", "resume", "last")

    assert 0 == resumed.code, resumed.text
    assert [] == leaks(project, resumed)


def test_a_run_that_is_killed(project: Path, tell: Callable[..., Told]) -> None:
    """What a process had written when it was killed holds none; nor does what is told of it."""
    killed = tell(*LINE, "end=kill")

    assert -signal.SIGKILL == killed.code, killed.text
    assert [] == leaks(project, killed)
    for command in (["runs"], ["show", "last"], ["show", "last", "--json"], ["logs", "last"]):
        assert [] == leaks(project, tell("-m", "brevetti_hydra", *command))
    assert RunState.LOST.value == record(project)["state"]


def test_a_script(project: Path, tell: Callable[..., Told]) -> None:
    """The door of Python leaves as little as the command line."""
    words = [*OVERRIDES, "--api_key", "CANARY-argument", "--api-key=CANARY-argument"]

    told = tell("canary_job.py", *words)

    assert 0 == told.code, told.text
    assert [] == leaks(project, told)


# What is wrong -> the arguments that make it so.
WRONG = {
    "a type": ["port=${oc.env:WAY_LABEL}"],
    "a type of a literal": ["--port", "[1]", "--over", '["CANARY-x"]'],
    "a short secret": ["short=[Zq6]"],
    "a short secret as a sweep": ["short=Zq6,Zq9Zq"],
    "a short secret in brackets": ["many=[Zq9Zq", "named={a: Zq8Zq"],
    "a key below a secret": ["deep.login.pin.x=Zq7Zq"],
    "an unknown key": ["deep.login.pim=1"],
    "the key of the platform": ["platform={api_key: Zq6, more: {a: CANARY-x}}"],
    "the key of the platform, deep": ["platform.api_key.a=[Zq6]"],
    "the key of the platform, torn": ["platform={api_key: Zq6"],
    "no override": ["api_key: Zq6"],
    "an option": ["platform=CANARY-nothing,api_key: Zq6"],
    "an interpolation": ["short=Zq6${", "over=CANARY${nothere}"],
    "a dataset": ["job.datasets.d=s3://user:CANARY-pass@bucket/x", "job.datasets.d.tags=1"],
    "the key in the place of a setting": ["port=CANARY-key"],
    "an id": ["--job_id", "1234"],
    "a key and an id": ["--job_id", "1234", "--api_key", "CANARY-argument"],
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_without_a_secret(
    what: str, project: Path, tell: Callable[..., Told]
) -> None:
    """No error, document or traceback of a refused configuration holds one."""
    told = tell(*LINE, *WRONG[what], "--traceback")

    assert 2 == told.code, told.text
    # The option's name is no secret: it is what was asked for.
    shown = told._replace(text=told.text.replace("CANARY-nothing", ""))
    assert [] == leaks(project, shown)
    assert not (project / "runs").exists()


def test_a_dataset_that_is_not_there(project: Path, tell: Callable[..., Told]) -> None:
    """Its error names it as the configuration does."""
    told = tell(*LINE, "job.datasets.first=${oc.env:WAY_NAME}")

    assert 2 == told.code, told.text
    assert "dataset 'first' was not found at '${oc.env:WAY_NAME}'" in told.text
    assert [] == leaks(project, told)


@pytest.mark.parametrize(
    "line",
    [
        "platform: {kind: local, api_key: Zq6}",
        "platform:\n  kind: local\n  api_key:\n    nested: [Zq6]",
        "over: [Zq6]",
        "many: Zq9Zq",
        "many:\n- [Zq9Zq]",
        "named:\n  a: {b: Zq8Zq}",
        "deep: {login: {pin: [Zq7Zq], pim: 1}}",
        "token: Zq6\ntoken: Zq6",
        "api_key: Zq6: Zq6",
    ],
)
def test_the_line_of_a_file_that_is_wrong(
    line: str, project: Path, tell: Callable[..., Told]
) -> None:
    """The excerpt under a place never shows a secret, however short."""
    (project / "conf" / "brevetti.yaml").write_text(line + "\n", encoding="utf-8")

    told = tell("-m", "brevetti_hydra", "job=canary_job:MyJob", "--traceback")

    assert 2 == told.code, told.text
    assert "conf/brevetti.yaml:" in told.text
    assert [] == leaks(project, told)


@pytest.mark.parametrize("flags", [["--cfg", "job"], ["--info"], ["--help"]])
def test_answers(flags: list[str], project: Path, tell: Callable[..., Told]) -> None:
    """What is printed instead of a run holds none."""
    told = tell(*LINE, *flags)

    assert 0 == told.code, told.text
    assert [] == leaks(project, told)


def test_the_key_of_the_environment(
    project: Path, tell: Callable[..., Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BREVETTI_API_KEY, or the file of BREVETTI_API_KEY_FILE, counts as `--api_key` does."""
    by_variable = tell("canary_job.py", "--job_id", "1234")
    monkeypatch.delenv("BREVETTI_API_KEY")
    without = tell("canary_job.py", "--job_id", "1234")
    (tmp_path / "key").write_text("CANARY-file\n")
    monkeypatch.setenv("BREVETTI_API_KEY_FILE", str(tmp_path / "key"))
    by_file = tell("canary_job.py", "--job_id", "1234")
    done = tell(*LINE, "label=CANARY-file")
    (tmp_path / "key").unlink()
    unread = tell("canary_job.py")

    assert [2, 2, 2, 0, 2] == [t.code for t in (by_variable, without, by_file, done, unread)]
    assert by_variable.text == by_file.text
    assert "this version has no remote platform" in by_file.text
    assert "the local platform knows no job '1234'" in without.text
    assert "the file of BREVETTI_API_KEY_FILE cannot be read" in unread.text
    assert [] == leaks(project, done)


def test_short_secrets_leave_other_texts_alone(project: Path, tell: Callable[..., Told]) -> None:
    """What a short secret is a part of by chance is recorded as it is."""
    (project / "conf" / "brevetti.yaml").write_text("", encoding="utf-8")
    words = ["job=canary_job:MyJob", "job.name=CANARY-name", "short=abc", "label=abcdef", "over=xy"]

    told = tell("-m", "brevetti_hydra", *words, "--api_key", "k")

    assert "abcdef" == record(project)["settings"]["label"], told.text
    assert ["label=abcdef", "over=**********"] == record(project)["overrides"][-2:]
    assert ["--api_key", "**********"] == record(project)["command"][-2:]


def test_a_canary_may_be_found(project: Path) -> None:
    """What looks for canaries finds them."""
    (project / "runs").mkdir()
    (project / "runs" / "CANARY").write_text("a Zq6\n")

    assert 3 == len(leaks(project, Told(0, "a Zq8Zq\nb" + os.linesep)))
