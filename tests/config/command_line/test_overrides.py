"""The command line: overrides, literals, container arguments and flags are told apart."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from brevetti_hydra import Field, JobSettings
from brevetti_hydra.config import read_argv, read_overrides
from brevetti_hydra.config.command_line.overrides import split_key
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.errors import (
    BrevettiHydraError,
    OverBudgetError,
    OverrideSyntaxError,
    UsageError,
)


def keys_and_values(*argv: str) -> list[tuple[str, str, str | None, bool]]:
    return [(a.sign, a.key, a.value, a.is_literal) for a in read_argv(argv).arguments]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["lr=0.01"], [("", "lr", "0.01", False)]),
        (["+lr=1"], [("+", "lr", "1", False)]),
        (["++lr=1"], [("++", "lr", "1", False)]),
        (["~lr"], [("~", "lr", None, False)]),
        (["~lr=1"], [("~", "lr", "1", False)]),
        (["label=a=b"], [("", "label", "a=b", False)]),
        (["lr="], [("", "lr", "", False)]),
        (["lr = 3"], [("", "lr", " 3", False)]),
        (["w['a=b']=1"], [("", "w['a=b']", "1", False)]),
        (["--lr", "0.01"], [("", "lr", "0.01", True)]),
        (["--lr=0.01"], [("", "lr", "0.01", True)]),
        (["--a.b=v"], [("", "a.b", "v", True)]),
        (["--label=a=b"], [("", "label", "a=b", True)]),
        (["--label="], [("", "label", "", True)]),
        (["--label", ""], [("", "label", "", True)]),
        (["--lr", "-1.5"], [("", "lr", "-1.5", True)]),
        (["--lr", "-inf"], [("", "lr", "-inf", True)]),
        (["--on", "--lr", "1"], [("", "on", None, True), ("", "lr", "1", True)]),
        (["--on"], [("", "on", None, True)]),
        (["--on", "-m"], [("", "on", None, True)]),
        (["--model", "X"], [("", "model", "X", True)]),
        (["--job", "X"], [("", "job", "X", True)]),
        (["--hos", "X"], [("", "hos", "X", True)]),
        (["--text", "日本 ü;!"], [("", "text", "日本 ü;!", True)]),
    ],
)
def test_settings_are_read_in_every_form(argv: list[str], expected: list[object]) -> None:
    """Sign, key and value are cut at the first equals sign, and names are never abbreviated."""
    assert expected == keys_and_values(*argv)


@pytest.mark.parametrize("name", ["job_id", "model_id", "test_id", "job-id", "model-id"])
@pytest.mark.parametrize("form", ["two", "one"])
def test_a_job_has_three_names_for_its_id(name: str, form: str) -> None:
    """Each of the names, with dashes or underscores, means the same."""
    request = read_argv([f"--{name}", "x"] if form == "two" else [f"--{name}=x"])

    assert {"job_id": "x"} == request.container
    assert () == request.arguments


def test_container_arguments_stand_beside_settings() -> None:
    """Container arguments are no settings, and the key is held as a secret."""
    request = read_argv(
        ["--info_file", "i.json", "--api_key", "hunter2", "--lr", "1", "--job_dir=/d", "e=2"]
    )

    assert {"info_file": "i.json", "job_dir": "/d"} == request.container
    assert request.api_key is not None
    assert "hunter2" == request.api_key.get_secret_value()
    assert "hunter2" not in repr(request)
    assert ["lr", "e"] == [argument.key for argument in request.arguments]
    assert ["argument 5: --lr 1", "argument 8: e=2"] == [a.origin.label for a in request.arguments]


def test_the_same_id_may_be_given_twice() -> None:
    """Only two different ids contradict each other."""
    assert {"job_id": "x"} == read_argv(["--job_id", "x", "--test_id", "x"]).container


@pytest.mark.parametrize(
    "argv",
    [
        ["--job_id", "a", "--model_id", "b"],
        ["--info_file", "a", "--info_file", "b"],
        ["--api_key", "hunter2", "--api_key", "hunter3"],
        ["--api_key"],
        ["--job_id", "--lr"],
        ["--cfg"],
        ["--cfg", "nothing"],
        ["--json=x"],
        ["--help=x"],
        ["-x"],
        ["-xyz=3"],
        ["-cd"],
    ],
)
def test_contradictions_and_unknown_flags_are_usage_errors(argv: list[str]) -> None:
    """What the harness itself does not take is named, without secrets."""
    with pytest.raises(UsageError) as caught:
        read_argv(argv)

    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("argv", "field", "expected"),
    [
        (["-h"], "help", True),
        (["--help"], "help", True),
        (["-m"], "multirun", True),
        (["--cfg", "job"], "cfg", "job"),
        (["--cfg=all"], "cfg", "all"),
        (["-c", "job"], "cfg", "job"),
        (["--info"], "info", "all"),
        (["--info", "defaults"], "info", "defaults"),
        (["--info", "lr=1"], "info", "all"),
        (["--json"], "json", "document"),
        (["--json=lines"], "json", "lines"),
        (["--json", "lines"], "json", "lines"),
        (["-cn", "x"], "config_name", "x"),
        (["--config-dir=x"], "config_dir", "x"),
        (["-p", "model"], "package", "model"),
        (["--debug"], "debug", True),
    ],
)
def test_flags_are_known_by_their_exact_names(
    argv: list[str], field: str, expected: object
) -> None:
    """Flags with and without values, before `=` or as the next argument."""
    assert expected == getattr(read_argv(argv).flags, field)


@pytest.mark.parametrize("text", ["lr", "", "=3", "~", "lr:0.01", "+", "++"])
def test_what_is_no_override_is_refused(text: str) -> None:
    """An argument without a key or a value is an error that names its number."""
    with pytest.raises(OverrideSyntaxError) as caught:
        read_argv(["a=1", text])

    assert caught.value.where is not None
    assert f"argument 2: {text}" == caught.value.where.label


def test_overrides_of_code_are_numbered_as_such() -> None:
    """A list that code gives speaks of overrides, not of arguments."""
    (argument,) = read_overrides(["lr=1"])

    assert "override 1: lr=1" == argument.origin.label


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("lr", ("lr",)),
        ("a.b.c", ("a", "b", "c")),
        ("w['any text']", ("w", "any text")),
        ('w["it\'s"]', ("w", "it's")),
        ("w['a.b'].c", ("w", "a.b", "c")),
        ("w['']", ("w", "")),
        ("a.b c", ("a", "b c")),
        ("日本.ü", ("日本", "ü")),
        ("['x']", ("x",)),
    ],
)
def test_keys_are_split(key: str, expected: tuple[str, ...]) -> None:
    """Dots separate keys, and quotes in brackets hold anything."""
    assert expected == split_key(read_argv([f"{key}=1"]).arguments[0])


@pytest.mark.parametrize("key", ["a..b", ".a", "a.", "w[x]", "w[0]", "w['a'", "w]", "w[]", "."])
def test_malformed_keys_are_refused(key: str) -> None:
    """A key that is none is an error with a hint at the right spelling."""
    with pytest.raises(OverrideSyntaxError) as caught:
        split_key(read_argv([f"{key}=1"]).arguments[0])

    assert caught.value.hint


@pytest.mark.parametrize(
    "text", ["k=" + "x" * 9000, "k=" + "[" * 70, "k=" + "{a:" * 70, "k=" + "ü" * 4500, "k" * 9000]
)
def test_overrides_have_a_budget(text: str) -> None:
    """Too long and too deep overrides are refused before any parser sees them, and not printed."""
    with pytest.raises(OverBudgetError) as caught:
        read_argv([text])

    assert len(str(caught.value)) < 400


def test_the_budget_of_overrides_can_be_set() -> None:
    """Other limits than the usual ones hold for what they say."""
    with pytest.raises(OverBudgetError):
        read_argv(["label=abc"], Budget(override_bytes=8))
    assert 1 == len(read_argv(["label=ab"], Budget(override_bytes=8)).arguments)


def test_bytes_that_are_no_text_are_carried() -> None:
    """A file name that is no UTF-8 comes in as the system gives it."""
    text = b"label=a\xff".decode(errors="surrogateescape")

    assert text == read_argv([text]).arguments[0].text


def test_long_lists_are_no_burden(project: Any) -> None:
    """A list near the limit of 8 kB is read."""
    text = ",".join(["1"] * 3000)

    assert [1] * 3000 == project.settings("Demo", f"--layers=[{text}]")["layers"]


@pytest.mark.parametrize(
    "argv", [["\x00=1"], ["a\nb=1"], ["=" * 50], ["'='"], ["{}"], ["a=[{"], ["--"], ["---"], ["-"]]
)
def test_odd_arguments_end_in_a_result_or_our_error(argv: list[str], project: Any) -> None:
    """Nothing else than one of our errors comes out."""
    with contextlib.suppress(BrevettiHydraError):
        project.settings("Demo", *argv)


@pytest.mark.parametrize(
    ("header", "keys", "notice"),
    [
        ("_group_", {"g": {"sub": {"x": 1}}}, "take the line out"),
        ("_group_.deep", {"g": {"sub": {"deep": {"x": 1}}}}, "write 'g.sub.deep'"),
    ],
)
def test_the_old_package_header_is_taken_with_a_notice(
    header: str, keys: dict[str, Any], notice: str, project: Any, capfd: Any
) -> None:
    """`# @package _group_` means the file's group, and nobody but us says that it is old."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults: [g/sub: a]\n",
            "conf/g/sub/a.yaml": f"# @package {header}\nx: 1\n",
        }
    )

    composition = project.compose(settings="Demo")

    assert keys["g"] == composition.tree["g"]
    (line,) = composition.notices
    assert line.endswith(notice)
    assert "conf/g/sub/a.yaml" in line
    assert ("", "") == capfd.readouterr()


def test_a_launcher_is_said_to_be_for_sweeps(project: Any) -> None:
    """`hydra/launcher=x` is taken, and a notice says that a single run does without."""
    composition = project.compose(
        "hydra/launcher=joblib", "hydra.sweeper.params={a: 1}", settings="Demo"
    )

    ending = "is for sweeps, and has no effect on a single run"
    first = f"argument 1: hydra/launcher=joblib: 'hydra.launcher' {ending}"
    second = f"argument 2: hydra.sweeper.params={{a: 1}}: 'hydra.sweeper' {ending}"
    assert [first, second] == composition.notices


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["job.datasets.d=X", "job.datasets.d.mapping={a: b}"], ""),
        (["job.datasets.d.mapping={a: b}", "job.datasets.d=X"], ""),
        (["job.datasets.d={mapping: {a: b}}", "job.datasets.d=X"], ""),
        (["job.datasets={d: {mapping: {a: b}}}", "job.datasets.d=X"], ""),
        (["--job.datasets.d", "X", "job.datasets.d.mapping.a=b"], ""),
        (["job.datasets.d.mapping={a: b}"], "job: {datasets: {d: X}}\n"),
    ],
)
def test_a_dataset_keeps_its_bucket(argv: list[str], text: str, project: Any) -> None:
    """A text is short for the bucket, wherever more is said of the dataset."""
    project.write({"conf/brevetti.yaml": text})

    node = project.validate(*argv, settings="Demo").job.datasets["d"]

    assert ("X", {"a": "b"}) == (node.bucket, node.mapping)


@pytest.mark.parametrize(
    ("argv", "is_right"),
    [
        (["~rate=0.5"], True),
        (["~rate=.5"], True),
        (["~rate=0.7"], False),
        (["~epochs=5"], True),
        (["~epochs=10"], False),
        (["rate=2", "~rate=2"], True),
        (["rate=2", "~rate=0.5"], False),
        (["~model.hidden=64"], True),
        (["~model.hidden=32"], False),
        (["~label=a"], True),
        (["~run.seed=0"], True),
        (["~run.seed=1"], False),
    ],
)
def test_a_deletion_with_a_value_is_checked(argv: list[str], is_right: bool, project: Any) -> None:
    """`~key=value` compares with what stands there: an argument, a file, or the class's default."""
    project.write({"conf/brevetti.yaml": "epochs: 5\n"})

    if is_right:
        project.validate(*argv, settings="Demo")
    else:
        assert "to take it away whatever it is" in project.error(*argv, settings="Demo")


class Flagged(JobSettings):
    """Settings that are called as flags of the harness are."""

    version: str = "a"
    info: int = 1
    debug: bool = False
    json_: str = Field("a", alias="json")
    help: str = "a"
    resolve: str = "a"
    package: str = "a"


@pytest.mark.parametrize("name", ["version", "info", "debug", "json", "help", "resolve", "package"])
def test_a_setting_may_be_called_as_a_flag_is(name: str, project: Any) -> None:
    """It is set by `name=value`; with dashes it is the flag."""
    value = {"info": "7", "debug": "true"}.get(name, "x")

    found = project.validate(f"{name}={value}", settings=Flagged).settings

    key = "json_" if name == "json" else name
    assert {"info": 7, "debug": True}.get(name, "x") == getattr(found, key)
