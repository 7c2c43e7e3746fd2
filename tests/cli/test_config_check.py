"""`brevetti-hydra config check`: its reports as golden texts, its exit codes, its document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema
import pytest

import brevetti_hydra.cli
from brevetti_hydra.config.files.search import shipped_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMA: Any = json.loads(
    (Path(brevetti_hydra.cli.__file__).parent / "schema.json").read_text(encoding="utf-8")
)
JOBS = """
from brevetti_hydra import Field, Job, JobSettings, Secret

class Optim(JobSettings):
    lr: float = Field(0.1, gt=0)
    name: str = "adam"

class Settings(JobSettings):
    epochs: int = Field(3, gt=0)
    optim: Optim = Optim()
    token: Secret | None = None
    title: str = "a"

class MyJob(Job):
    settings: Settings

class Needing(JobSettings):
    classes: int
    epochs: int = 3

class Needs(Job):
    settings: Needing

class NoJob:
    pass
"""
ROOT = "# @package _global_\n"
MAIN = ROOT + "job:\n  _target_: jobs:MyJob\n"
PRIMARY = """\
defaults:
  - platform: local
  - job: null
  - optim: null
  - _self_
  - experiment: null
"""
BASE = {"conf/job/main.yaml": MAIN, "conf/brevetti.yaml": PRIMARY}


class Case(NamedTuple):
    """A project with what is to be found in it."""

    files: Mapping[str, str | bytes]
    argv: tuple[str, ...] = ()
    code: int = 2


CASES = {
    "job_that_is_meant": Case(
        {
            **BASE,
            "conf/experiment/values.yaml": ROOT + "epochs: x\noptim: 3\ntitle: [1]\n",
            "conf/experiment/shipped.yaml": ROOT + "batch_size: x\n",
        }
    ),
    "chosen_twice": Case(
        {
            **BASE,
            "conf/optim/adam.yaml": "lr: 0.1\n",
            "conf/optim/sgd.yaml": "lr: 0.2\n",
            "conf/experiment/twice.yaml": ROOT + "defaults:\n  - /optim: adam\n  - /optim: sgd\n",
            "conf/experiment/right.yaml": ROOT + "defaults:\n  - /optim: adam\n",
            "conf/experiment/under.yaml": ROOT + "defaults:\n  - right\n  - override /optim: sgd\n",
        }
    ),
    "right": Case({"conf/optim/fast.yaml": "lr: 1.0\n", **BASE}, code=0),
    "three_kinds": Case(
        {
            **BASE,
            "conf/experiment/all.yaml": ROOT
            + "defaults:\n  - override /optim: adm\n"
            + "epocs: 3\noptim:\n  lr: -1\n  name: ${nothere}\n",
            "conf/optim/adam.yaml": "lr: 0.1\n",
        }
    ),
    "unreadable": Case(
        {
            **BASE,
            "conf/optim/broken.yaml": "lr: [1\n",
            "conf/optim/bytes.yaml": b"\xff\xfe\x00",
            "conf/optim/deep.yaml": "a: " + "[" * 70 + "]" * 70 + "\n",
            "conf/optim/twice.yaml": "lr: 1\nlr: 2\n",
            "conf/optim/list.yaml": "- 1\n",
            "conf/experiment/still.yaml": ROOT
            + "defaults:\n  - override /optim: broken\nepochs: x\ntitle: ${optim.lr}\n",
        }
    ),
    "primary_broken": Case(
        {**BASE, "conf/brevetti.yaml": "a: [\n", "conf/experiment/x.yaml": ROOT + "epocs: 1\n"}
    ),
    "primary_wrong": Case({"conf/brevetti.yaml": PRIMARY + "epocs: 3\n", "conf/optim/a.yaml": ""}),
    "defaults": Case(
        {
            **BASE,
            "conf/optim/adam.yaml": "lr: 0.1\n",
            "conf/optim/of_nothing.yaml": "defaults:\n  - base\n  - /sched: x\n  - optional /no: x\n",
            "conf/experiment/dead.yaml": ROOT + "defaults:\n  - override /sched: x\nepocs: 1\n",
            "conf/experiment/entry.yaml": ROOT + "defaults:\n  - 3\n  - optim: [1]\nepocs: 1\n",
            "conf/experiment/late.yaml": ROOT
            + "defaults:\n  - override /optim: adam\n  - _self_\n  - /optim@optim: adam\n",
            "conf/a/one.yaml": "defaults:\n  - /b: two\n",
            "conf/b/two.yaml": "defaults:\n  - /a: one\n",
        }
    ),
    "jobs": Case(
        {
            "boom.py": "print('noise')\nraise RuntimeError('boom')\n",
            "taken.py": "from brevetti_hydra import Job, JobSettings\n"
            "class Taken(JobSettings):\n    run: int = 3\n"
            "class TakesName(Job):\n    settings: Taken\n",
            "quits.py": "import sys\nsys.exit(3)\n",
            "conf/job/boom.yaml": MAIN.replace("jobs:MyJob", "boom:X"),
            "conf/job/quits.yaml": MAIN.replace("jobs:MyJob", "quits:X"),
            "conf/job/no_job.yaml": MAIN.replace("jobs:MyJob", "jobs:NoJob"),
            "conf/job/nowhere.yaml": MAIN.replace("jobs:MyJob", "nowhere:X"),
            "conf/job/outside.yaml": MAIN.replace("jobs:MyJob", "subprocess:Popen"),
            "conf/job/taken.yaml": MAIN.replace("jobs:MyJob", "taken:TakesName"),
            "conf/job/nameless.yaml": ROOT + "epochs: 3\n",
            "conf/job/base.yaml": ROOT + "epochs: 3\n",
            "conf/job/main.yaml": MAIN.replace("job:\n", "defaults:\n  - base\njob:\n", 1),
        }
    ),
    "strays": Case(
        {
            **BASE,
            "conf/alone.yaml": "epochs: 3\n",
            "conf/optim/stray.yml": "lr: 1\n",
            "conf/optim/empty.yaml": "",
            "conf/optim/on_purpose.yaml": "# Nothing: what the class says.\n",
            "conf/platform/local.yaml": "# mine\nkind: local\n",
            "more/optim/empty.yaml": "lr: -3\n",
        },
        ("-cd", "more"),
        code=0,
    ),
    "versions": Case(
        {
            **BASE,
            "pyproject.toml": "[tool.brevetti_hydra]\nmigrations = 'steps:MIGRATIONS'\n",
            "steps.py": "from brevetti_hydra.migrations import Migrations, rename, step\n"
            "MIGRATIONS = Migrations(step(1, rename('passes', 'epochs')))\n",
            "conf/experiment/new.yaml": ROOT + "config_version: 2\nepochs: 3\n",
            "conf/experiment/newer.yaml": ROOT + "config_version: 9\nepochs: 3\n",
            "conf/experiment/none.yaml": ROOT + "passes: 3\n",
            "conf/experiment/old.yaml": ROOT + "config_version: 1\npasses: 3\n",
        }
    ),
    "secrets": Case(
        {
            **BASE,
            "conf/job/main.yaml": MAIN + "token: hunter2hunter2\n",
            "conf/dataset/by_look.yaml": "# @package job.datasets\n"
            "a: https://me:geheim77@host/d\n"
            "b:\n  bucket: s3://key:${oc.env:PW,x}@b\n  mapping: {password: short}\n",
            "conf/experiment/fine.yaml": ROOT + "token: ${oc.env:TOKEN,x}\ntitle: max_tokens\n",
            "conf/experiment/in_error.yaml": ROOT + "api_key: geheim88\nepochs: 0\n",
        }
    ),
    "environment": Case(
        {
            **BASE,
            "conf/optim/env.yaml": "name: ${oc.env:NOT_SET_HERE}\nlr: ${oc.env:NOR_THIS,0.3}\n",
            "conf/experiment/env.yaml": ROOT + "title: ${oc.env:NOT_SET_HERE}/x\n",
        },
        code=0,
    ),
    "open_settings": Case(
        {
            "conf/job/needs.yaml": MAIN.replace("MyJob", "Needs"),
            "conf/experiment/asks.yaml": ROOT + "epochs: ???\n",
        },
        code=0,
    ),
    "of_two_jobs": Case(
        {
            **BASE,
            "conf/job/needs.yaml": MAIN.replace("MyJob", "Needs"),
            "conf/experiment/main_only.yaml": ROOT + "title: b\n",
            "conf/experiment/needs_only.yaml": ROOT + "classes: 3\n",
            "conf/experiment/neither.yaml": ROOT + "classes: 3\ntitle: b\n",
            "conf/experiment/its_own.yaml": ROOT
            + "defaults:\n  - override /job: needs\ntitle: b\n",
        }
    ),
    "relocated": Case(
        {
            "conf/job/main.yaml": MAIN.replace(
                "job:\n", "defaults:\n  - /step@optim: a\njob:\n", 1
            ),
            "conf/step/a.yaml": "lr: 0.1\n",
            "conf/step/b.yaml": "lr: 0.2\n",
            "conf/step/c.yaml": "lr: -1\n",
            "conf/part/x.yaml": "lr: 0.4\n",
            "conf/experiment/puts.yaml": ROOT + "defaults:\n  - /part@optim: x\n",
            "conf/part/y.yaml": "lr: 0.4\nnane: 3\n",
        }
    ),
    "line": Case({**BASE, "conf/optim/a.yaml": "lr: 1\n"}, ("epochs=0", "optim.nane=3")),
    "no_jobs_in_conf": Case(
        {"conf/experiment/x.yaml": ROOT + "title: b\nepocs: 3\n"}, ("--job", "jobs:MyJob")
    ),
    "crashing": Case(
        {
            "crash.py": "from pydantic import field_validator\n"
            + JOBS.replace("class MyJob", "class Unused")
            + "class Bad(JobSettings):\n    a: int = 1\n    @field_validator('a')\n"
            + "    def look(cls, value):\n        raise KeyError('oops')\n"
            + "class MyJob(Job):\n    settings: Bad\n",
            "conf/job/crash.yaml": MAIN.replace("jobs:MyJob", "crash:MyJob") + "a: 3\n",
        }
    ),
    "no_job_works": Case(
        {
            "conf/job/nowhere.yaml": MAIN.replace("jobs:MyJob", "nowhere:X"),
            "conf/experiment/x.yaml": ROOT + "title: b\n",
            "conf/experiment/y.yaml": ROOT + "title: b\n",
        }
    ),
    "no_such_job": Case({}, ("--job", "jobs:Nothing", "--job", "nothing")),
    "strict": Case({**BASE, "conf/optim/stray.yml": ""}, ("--strict",)),
    "no_conf": Case({}, code=0),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty project that leaves no trace in the interpreter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def normalised(text: str, folder: Path) -> str:
    stdlib = str(Path(subprocess.__file__).parent)
    for place, name in ((folder, "PROJECT"), (shipped_folder(), "SHIPPED"), (stdlib, "STDLIB")):
        text = text.replace(str(place), name)
    return text


@pytest.mark.parametrize("name", CASES)
def test_the_report_is_the_golden_text(
    name: str, folder: Path, call: Callable[..., Any], golden: Callable[[str, str], None]
) -> None:
    """Each kind of finding is told with its place, and the exit code says whether it is right."""
    case = CASES[name]
    write(folder, case.files)

    answer = call("config", "check", *case.argv)

    golden(f"config_check/{name}.txt", normalised(answer.out, folder))
    assert case.code == answer.code


@pytest.mark.parametrize("name", CASES)
def test_the_document_follows_the_schema(
    name: str, folder: Path, call: Callable[..., Any], golden: Callable[[str, str], None]
) -> None:
    """With --json the same findings stand in one document, and jobs that print do not disturb it."""
    case = CASES[name]
    write(folder, case.files)

    answer = call("config", "check", "--json", *case.argv)

    document = answer.document
    jsonschema.validate(document, SCHEMA)
    result = document["result"]
    severities = [finding["severity"] for finding in result["findings"]]
    assert (case.code, case.code == 0) == (answer.code, document["ok"])
    assert len(document["errors"]) == severities.count("error") == result["errors"]
    assert severities.count("warning") == result["warnings"]
    texts = "".join(finding["message"] for finding in result["findings"])
    assert texts.count("hunter2") + texts.count("geheim") == 0


def test_no_golden_text_is_left_over(repository: Path) -> None:
    """Every golden text belongs to a case."""
    folder = repository / "tests" / "golden" / "config_check"

    assert set(CASES) == {path.stem for path in folder.glob("*.txt")}


def test_nothing_is_written(folder: Path, call: Callable[..., Any]) -> None:
    """A check leaves no file behind, not even where a run would."""
    write(folder, CASES["of_two_jobs"].files)
    before = {path for path in folder.rglob("*") if "__pycache__" not in path.parts}

    call("config", "check")

    assert before == {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_links_and_pipes(folder: Path, call: Callable[..., Any]) -> None:
    """Links that lead nowhere or in a circle, and what is no file, are told, and not followed."""
    write(folder, BASE)
    optim = folder / "conf" / "optim"
    optim.mkdir()
    (optim / "dangling.yaml").symlink_to("nowhere")
    (optim / "itself.yaml").symlink_to("itself.yaml")
    (optim / "up").symlink_to("..")
    os.mkfifo(optim / "pipe.yaml")

    answer = call("config", "check")

    assert 2 == answer.code
    for text in (
        "error[config-not-found]: 'conf/optim/dangling.yaml' is a link that leads nowhere\n",
        "error[config-not-found]: 'conf/optim/itself.yaml' is a link that leads nowhere\n",
        "error[config-not-found]: 'conf/optim/up' is a link to a folder that it lies in\n",
        "warning[unused-file]: 'conf/optim/pipe.yaml' is no file\n",
    ):
        assert text in answer.out
    assert answer.out.endswith(
        "2 files, 1 option, 0 experiments, 2 compositions: 3 errors, 1 warning\n"
    )


def test_odd_names(folder: Path, call: Callable[..., Any]) -> None:
    """Names with blanks, quotes, ends of lines and other scripts are composed like all others."""
    names = [
        "a b",
        "it's",
        "new\nline",
        "日本",
        "a=b",
        "a,b",
        "x.y",
        "[1]",
        "${x}",
        "~",
        "3",
        "null",
    ]
    write(folder, BASE | {f"conf/optim/{name}.yaml": "lr: -1\n" for name in names})
    write(folder, {"conf/odd group/x.yaml": "a: 1\n"})

    answer = call("config", "check")

    assert "Traceback" not in answer.err
    assert len(names) - 1 == answer.out.count("'optim.lr' must be greater than 0, but is -1")
    assert "no command line can choose 'conf/optim/${x}.yaml'" in answer.out
    assert "no command line can choose 'conf/odd group/x.yaml'" in answer.out


def test_a_word_too_much(folder: Path, call: Callable[..., Any]) -> None:
    """A word that is no override is a mistake of the line."""
    answer = call("config", "check", "conf")

    assert (2, "") == (answer.code, answer.out)
    assert "unexpected argument 'conf'" in answer.err


def test_ctrl_c(folder: Path) -> None:
    """A check that is interrupted ends with 130 and no traceback."""
    write(folder, BASE)
    (folder / "jobs.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    command = [sys.executable, "-m", "brevetti_hydra", "config", "check"]

    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert (130, "", "stopped by SIGINT\n") == (result.returncode, result.stdout, result.stderr)


def test_the_examples_are_right(
    repository: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[..., Any]
) -> None:
    """What ships, and the example projects, pass the strict check."""
    for folder in (repository, repository / "examples" / "image_classifier"):
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.chdir(folder)

        answer = call("config", "check", "--strict")

        assert (0, "0 errors, 0 warnings\n") == (answer.code, answer.out.rpartition(": ")[2])
