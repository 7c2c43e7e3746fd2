"""The wheel, installed in an empty environment outside of the checkout."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.system.conftest import Workplace

REPOSITORY = Path(__file__).resolve().parents[2]
TINY = ("epochs=2", "model.hidden=8")

USER_JOB = """
from brevetti_hydra import Field, Job, JobSettings


class Greeting(JobSettings):
    text: str = "hello"
    times: int = Field(1, gt=0)


class Greeter(Job):
    settings: Greeting

    def run(self) -> None:
        for _ in range(self.settings.times):
            print(self.settings.text)
        self.add_output_metric("times", self.settings.times)
"""

USER_YAML = """\
# @package _global_
# Greets.
job:
  _target_: greeter:Greeter
text: good morning
times: 2
"""


def test_the_wheel_holds_the_shipped_configuration(wheel: Path) -> None:
    """Every file of conf/, the type marker and the licence are in the wheel, and no test is."""
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        f"brevetti_hydra/{path.relative_to(REPOSITORY).as_posix()}"
        for path in (REPOSITORY / "conf").rglob("*")
        if path.is_file()
    }

    assert set() == (shipped | {"brevetti_hydra/py.typed"}) - names
    assert [] == [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    assert [True] == [True for name in names if name.endswith("licenses/LICENSE")]


def test_the_shipped_job_runs_from_the_wheel(installed: Workplace, tmp_path: Path) -> None:
    """`job=classifier` trains in an empty folder, from the configuration inside the wheel."""
    command = (installed.python, "-m", "brevetti_hydra", "job=classifier", *TINY)

    installed.must(*command, cwd=tmp_path)

    [record] = tmp_path.glob("runs/*/record.json")
    assert "completed" == json.loads(record.read_bytes())["state"]


def test_the_console_script_is_the_module(installed: Workplace, tmp_path: Path) -> None:
    """`brevetti-hydra` and `python -m brevetti_hydra` print the same help."""
    script = installed.must(installed.python.with_name("brevetti-hydra"), "--help", cwd=tmp_path)

    module = installed.must(installed.python, "-m", "brevetti_hydra", "--help", cwd=tmp_path)

    assert script == module


def test_a_users_own_conf_runs_from_the_wheel(installed: Workplace, tmp_path: Path) -> None:
    """A user's own job and `conf/` are found in the folder where the command is started."""
    (tmp_path / "conf" / "job").mkdir(parents=True)
    (tmp_path / "conf" / "job" / "greeter.yaml").write_text(USER_YAML, encoding="utf-8")
    (tmp_path / "greeter.py").write_text(USER_JOB, encoding="utf-8")
    command = (installed.python, "-m", "brevetti_hydra", "job=greeter", "times=3", "--json")

    document = json.loads(installed.must(*command, cwd=tmp_path))

    [log] = tmp_path.glob("runs/*/run.log")
    assert (True, 1) == (document["ok"], document["format"])
    assert 3 == log.read_text(encoding="utf-8").count("good morning")


def test_a_users_conf_shadows_the_shipped_one(installed: Workplace, tmp_path: Path) -> None:
    """A file of the same name in the user's `conf/` takes the place of the shipped one."""
    (tmp_path / "conf" / "job").mkdir(parents=True)
    (tmp_path / "conf" / "job" / "classifier.yaml").write_text(USER_YAML, encoding="utf-8")
    (tmp_path / "greeter.py").write_text(USER_JOB, encoding="utf-8")
    command = (installed.python, "-m", "brevetti_hydra", "job=classifier", "--cfg", "job")

    printed = installed.must(*command, cwd=tmp_path)

    assert (True, False) == ("good morning" in printed, "epochs" in printed)


def test_the_examples_extra_is_named_when_it_is_missing(bare: Workplace, tmp_path: Path) -> None:
    """Without the `examples` extra the classifier says which command installs it, and exits 2."""
    ended = bare.run(bare.python, "-m", "brevetti_hydra", "job=classifier", cwd=tmp_path)

    assert (2, True) == (ended.code, 'pip install "brevetti-hydra[examples]"' in ended.stderr)
