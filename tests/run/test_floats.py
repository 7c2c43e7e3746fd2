"""Floats that JSON has no number for: they are recorded as text and come back as floats."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brevetti_hydra._json import json_bytes
from brevetti_hydra.record import RunState
from brevetti_hydra.run.history import list_runs, read_record, read_snapshot
from brevetti_hydra.run.journal import read_journal
from brevetti_hydra.settings import JobSettings

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.run import RunContext

    from .conftest import Starter


class Floats(JobSettings):
    """Floats at several depths."""

    lr: float = math.inf
    many: list[float]
    named: dict[str, float]


def strict(content: bytes) -> Any:
    """Read JSON as those do who know no NaN."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    return json.loads(content, parse_constant=refuse)


def spelled(value: Any) -> Any:
    """Spell floats so that NaN equals itself."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return {key: spelled(each) for key, each in value.items()}
    return [spelled(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.builds(
        Floats,
        lr=st.floats(),
        many=st.lists(st.floats(), max_size=3),
        named=st.dictionaries(st.text(max_size=3), st.floats(), max_size=3),
    ),
    st.floats(),
)
def test_any_float_survives_a_run(starter: Starter, given: Floats, metric: float) -> None:
    """Settings and metrics of any float stand in every file, and are the same when read."""

    def work(run: RunContext) -> None:
        run.report_progress(1, {"loss": metric})
        run.add_output_metric("accuracy", metric)

    plain = given.model_dump(mode="json")
    context = starter.start(work, settings=given, settings_json=plain, config=plain)

    folder = context.folder
    record = read_record(folder)
    assert RunState.COMPLETED is record.state
    for file in (folder.record, folder.snapshot, folder.output, folder.info):
        strict(file.read_bytes())
    strict((folder.config_dir / "composition.json").read_bytes())
    for line in folder.journal.read_bytes().splitlines():
        strict(line)
    for found in (record.settings, read_snapshot(folder).config):
        assert spelled(plain) == spelled(Floats.model_validate(found).model_dump())
    assert spelled([metric] * 2) == spelled([record.metrics["accuracy"], record.progress["loss"]])
    folder.record.unlink()
    again = read_record(folder)
    assert spelled([metric] * 2) == spelled([again.metrics["accuracy"], again.progress["loss"]])


JOB = """
from pathlib import Path
from brevetti_hydra import Job, JobSettings

class Settings(JobSettings):
    lr: float = float("nan")
    high: float = float("inf")

class MyJob(Job):
    settings: Settings
    def run(self):
        assert (self.settings.lr, self.settings.high) == (float("-inf"), float("inf"))
        if not Path("second").exists():
            Path("second").touch()
            raise ValueError("once more")
"""


def test_a_run_with_infinities_is_resumed(tmp_path: Path) -> None:
    """An infinity of the command line and one of the class are floats in the second attempt."""
    (tmp_path / "work.py").write_text(JOB)
    (tmp_path / "pyproject.toml").touch()
    command = [sys.executable, "-m", "brevetti_hydra"]

    codes = [
        subprocess.run(
            [*command, *words], cwd=tmp_path, check=False, capture_output=True
        ).returncode
        for words in (["job=work:MyJob", "lr=-inf"], ["resume", "last"])
    ]

    (record,) = list_runs(tmp_path / "runs")
    assert ([1, 0], RunState.COMPLETED, 2) == (codes, record.state, len(record.attempts))


def test_texts_of_other_bytes_are_spelled(starter: Starter) -> None:
    """A message that UTF-8 cannot hold does not keep the run from being sealed."""
    context = starter.context()

    def work(_run: RunContext) -> None:
        raise ValueError("no file 'a\udcffb'")

    with pytest.raises(ValueError, match="no file"):
        starter.run(context, work)

    record = read_record(context.folder)
    assert record.failure is not None
    assert (RunState.FAILED, r"no file 'a\udcffb'") == (record.state, record.failure.message)
    assert RunState.FAILED.value == read_journal(context.folder.journal)[-1]["state"]


def test_keys_and_nested_texts_are_spelled_too() -> None:
    """Whatever holds such a text can be written."""
    value = {"a\udcff": [("\ud800", math.nan)], "b": "ü"}

    assert {r"a\udcff": [[r"\ud800", "NaN"]], "b": "ü"} == strict(json_bytes(value))
