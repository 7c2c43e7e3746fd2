"""`brevetti-hydra explain`: what it prints, its documents, and how it ends."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from brevetti_hydra.cli.documents import ExplainDocument
from brevetti_hydra.cli.explanations import explanations_text, value_text
from brevetti_hydra.config.explaining.explanation import Explanation, Step, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JOB = """\
from brevetti_hydra import Field, Job, JobSettings, Secret


class Settings(JobSettings):
    lr: float = Field(0.5, gt=0, description="step size")
    token: Secret | None = None


class MyJob(Job):
    settings: Settings


class Bare(Job):
    pass
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "explained.py").write_text(JOB, encoding="utf-8")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "brevetti.yaml").write_text("lr: 0.25\n", encoding="utf-8")
    (tmp_path / "conf" / "empty.yaml").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("explained", None)


def test_a_key_is_explained_with_all_its_writers(call: Callable[..., Any]) -> None:
    """The winner stands first, the line of the class last."""
    answer = call("explain", "job=explained:MyJob", "lr=0.1", "lr")

    assert 0 == answer.code
    assert answer.out.splitlines() == [
        "lr = 0.1  float (> 0)  step size",
        "  0.1   argument 2: lr=0.1",
        "  0.25  conf/brevetti.yaml:1:1",
        "  0.5   explained.py:5          default of Settings.lr",
    ]


def test_nothing_is_run_or_written(call: Callable[..., Any], tmp_path: Path) -> None:
    """No folder of runs appears, and no other file."""
    before = sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in p.parts)

    call("explain", "job=explained:MyJob")

    assert before == sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in p.parts)


def test_a_line_with_mistakes_is_explained_and_reported(call: Callable[..., Any]) -> None:
    """What a run would refuse is explained all the same; the errors stand on stderr."""
    answer = call("explain", "job=explained:MyJob", "lr=-1", "epocs=3", "lr", "nothere")

    assert 2 == answer.code
    assert answer.out.startswith("lr = -1  float (> 0)  step size\n")
    assert "no setting 'nothere'" in answer.err
    assert "'lr' must be greater than 0, but is -1" in answer.err
    assert "no setting 'epocs'" in answer.err


def test_the_document_holds_it_as_values(call: Callable[..., Any]) -> None:
    """`--json` gives one document of the published form, with errors beside the result."""
    answer = call("explain", "job=explained:MyJob", "lr=-1", "~token", "--json")

    document = answer.document
    ExplainDocument.model_validate(document)
    schema = json.loads(
        (Path(explanations_text.__code__.co_filename).parent / "schema.json").read_text("utf-8")
    )
    jsonschema.validate(document, schema)
    assert (2, False, "invalid-setting") == (
        answer.code,
        document["ok"],
        document["errors"][0]["code"],
    )
    lr = document["result"]["keys"][0]
    places = [(w["kind"], w["file"] and Path(w["file"]).name, w["line"]) for w in lr["writers"]]
    assert [
        ("argument", None, None),
        ("yaml", "brevetti.yaml", 1),
        ("default", "explained.py", 5),
    ] == (places)


def test_secrets_stay_masked(call: Callable[..., Any]) -> None:
    """Neither text nor document shows a secret, however short."""
    for flags in ((), ("--json",)):
        answer = call("explain", "job=explained:MyJob", "token=hu2", "lr=${token}", *flags)

        assert "hu2" not in answer.out + answer.err


@pytest.mark.parametrize(
    "words",
    [
        ("token=hunter2-x", "run.note=hunter2-x", "job.name=hunter2-x", "run", "job"),
        ("tokn=hunter2", "tokn"),
        ("--tokn", "hunter2", "lr"),
        ("token:hunter2",),
        ("token=${oc.env:BREVETTI_NOT_SET,hunter2}", "token"),
        ("token=${oc.decode:hunter2}", "token"),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_secrets_in_odd_places_stay_masked(
    words: tuple[str, ...], flags: tuple[str, ...], call: Callable[..., Any]
) -> None:
    """A secret that stands elsewhere too, or under a misspelt name, is not shown."""
    answer = call("explain", "job=explained:MyJob", *words, *flags)

    assert "hunter2" not in answer.out + answer.err


def test_a_key_that_is_asked_for_twice_is_told_once(call: Callable[..., Any]) -> None:
    """A node and a key below it may both be asked for."""
    answer = call("explain", "job=explained:MyJob", "run.seed", "run", "run.seed")

    assert 1 == answer.out.count("run.seed =")


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        (("explain", "--help"), 0, "KEY=VALUE is the line of a run"),
        (("explain",), 2, "no job is chosen"),
        (("explain", "job=explained:Bare"), 2, "lr = 0.25  no setting has this name"),
        (("explain", "job=explained:Bare", "-cn", "empty"), 0, "the job 'bare' has no settings"),
        (("explain", "job=explained:MyJob", "a["), 2, "'a[' is no key"),
        (("explain", "job=explained:MyJob", "hydra"), 2, "no setting 'hydra'"),
        (
            ("explain", "job=explained:MyJob", "platform.api_key"),
            2,
            "no setting 'platform.api_key'",
        ),
        (("explain", "job=nothere"), 2, "has no option 'nothere'"),
    ],
)
def test_odd_lines_end_in_a_sentence(
    argv: tuple[str, ...], code: int, text: str, call: Callable[..., Any]
) -> None:
    """Help, no job, no settings, no key: each has its answer."""
    answer = call(*argv)

    assert (code, True) == (answer.code, text in answer.out + answer.err)


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_lines_fit_into_a_terminal(width: int) -> None:
    """No line is wider than the terminal, but for one whose place alone is."""
    writers = (
        Writer("argument", "argument 2: label=" + "x" * 90, None, None, None, "x" * 90, "", ()),
        Writer(
            "yaml",
            "conf/g/a.yaml:3:1",
            "conf/g/a.yaml",
            3,
            1,
            "y",
            "",
            (Step("conf/brevetti.yaml:2:3", "- g: a"), Step("conf/brevetti.yaml:9:1", "${other}")),
        ),
        Writer(
            "default", "package/module.py:12", "/p", 12, None, "日本" * 30, "Settings.label", ()
        ),
    )
    explanation = Explanation(
        "label", True, "x", "str", "at least 1 long", "what it is called, " * 9, writers, (), ()
    )

    lines = explanations_text([explanation], width).splitlines()

    assert [] == [line for line in lines if len(line) > width and "argument 2" not in line]
    assert "label = x" == lines[0]


def test_of_a_sweep_the_first_trial_is_explained(call: Callable[..., Any]) -> None:
    """What varies is told with its axis, and its value is the first trial's."""
    Path("conf/brevetti.yaml").write_text("", encoding="utf-8")
    line = [
        "job=hello,brevetti_hydra.jobs.hello:Hello",
        "greeting=hi,you",
        "run.seed=interval(1,3)",
    ]

    answer = call("explain", "-m", *line, "greeting", "run.seed")

    assert (0, True) == (answer.code, answer.out.startswith("greeting = hi  str"))
    assert "run.seed = 0" in answer.out
    assert [
        (
            "argument 2: job=hello,brevetti_hydra.jobs.hello:Hello: trials differ in 'job';"
            " explained is the first of 2 choices"
        ),
        (
            "argument 3: greeting=hi,you: trials differ in 'greeting';"
            " explained is the first of 2 choices"
        ),
        (
            "argument 4: run.seed=interval(1,3): trials differ in 'run.seed';"
            " explained is what it is before a search chooses"
        ),
    ] == answer.err.splitlines()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ("plain words", "plain words"),
        ("", '""'),
        ("null", '"null"'),
        ("1.10", '"1.10"'),
        (" a", '" a"'),
        ("a\nb", '"a\\nb"'),
        ("${lr}", "${lr}"),
        ([1, "a", None], "[1, a, null]"),
        ({"a b": {"c": []}}, "{a b: {c: []}}"),
    ],
)
def test_values_read_as_yaml(value: Any, text: str) -> None:
    """A text that YAML would take for something else stands in quotes."""
    assert text == value_text(value)
    assert not re.search(r"[\x00-\x1f]", value_text(value))
