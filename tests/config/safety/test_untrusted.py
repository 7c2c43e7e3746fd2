"""Configuration is data: what strangers write ends in a value or in an error, and runs nothing."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config import open_repository, read_argv, read_overrides
from brevetti_hydra.config.describe import cfg_text, describe_settings
from brevetti_hydra.config.explaining.explain import explain
from brevetti_hydra.config.files.groups import list_groups
from brevetti_hydra.config.project import find_project
from brevetti_hydra.config.recorded import recorded_tree
from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors, OverBudgetError
from brevetti_hydra.opening import open_run
from brevetti_hydra.settings import JobSettings

if TYPE_CHECKING:
    from pathlib import Path

    from _pytest.monkeypatch import MonkeyPatch

# Each names the module `bait`, in a place where only `job._target_` may name one.
HIDDEN_TARGETS = {
    "a setting": "model: {_target_: bait.X}",
    "an alias": "x: &x {_target_: bait.X}\nmodel: *x",
    "a merge": "x: &x {_target_: bait.X}\nmodel:\n  <<: *x\n  depth: 1",
    "a dict field": "nodes: {a: {_target_: bait.X}}",
    "a free dict": "weights: {_target_: bait.X}",
    "a list of models": "boxes: [{_target_: bait.X}]",
    "a deep list": "layers: [[{_target_: bait.X}]]",
    "a reference": "t: {_target_: bait.X}\nmodel: ${t}",
    "the root": "_target_: bait.X",
    "a union": "optim: {kind: adam, _target_: bait.X}",
    "a dataset": "job: {datasets: {d: {bucket: x, _target_: bait.X}}}",
    "a callback": "hydra: {callbacks: {c: {_target_: bait.X}}}",
    "a launcher": "hydra: {launcher: {_target_: bait.X}}",
    "a log": "hydra: {job_logging: {_target_: bait.X}}",
}
TARGETS_OF_JOBS = {
    "plain": "job: {_target_: bait.X}",
    "a colon": "job: {_target_: 'bait:X'}",
    "an alias": "t: &t bait.X\njob: {_target_: *t}",
    "a merge": "t: &t {_target_: bait.X}\njob: {<<: *t}",
    "below": "job: {_target_: 'bait.below:X'}",
    "a reference": "label: bait.X\njob: {_target_: '${label}'}",
    "the environment": "job: {_target_: '${oc.env:BAIT}'}",
    "decoded": "job: {_target_: \"${oc.decode:'bait.X'}\"}",
    "a list": "job: {_target_: [bait.X]}",
    "a mapping": "job: {_target_: {_target_: bait.X}}",
}
CANARY = "c4n4ry"
ASKING = "${oc.env:ASKED}"
DECODING = "${oc.decode:'${oc.env:ASKED}'}"


@pytest.fixture
def bait(tmp_path: Path, monkeypatch: MonkeyPatch) -> str:
    """Give the name of a package that can be imported, and lies outside of the project."""
    folder = tmp_path / "outside" / "bait"
    folder.mkdir(parents=True)
    for name in ("__init__", "below"):
        (folder / f"{name}.py").write_text("class X: pass\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.setenv("BAIT", "bait.X")
    return "bait"


@pytest.mark.parametrize("place", HIDDEN_TARGETS)
def test_a_target_is_refused_wherever_it_stands(project: Any, bait: str, place: str) -> None:
    """A `_target_` that is not the job's is an error, and nothing of it is imported."""
    project.write({"conf/brevetti.yaml": HIDDEN_TARGETS[place]})

    with pytest.raises(BrevettiHydraError):
        project.validate(settings="Demo")
    assert bait not in sys.modules


@pytest.mark.parametrize("place", HIDDEN_TARGETS)
def test_a_target_of_an_option_is_refused(project: Any, bait: str, place: str) -> None:
    """So it is where an experiment brings it."""
    project.write({"conf/experiment/x.yaml": f"# @package _global_\n{HIDDEN_TARGETS[place]}"})

    with pytest.raises(BrevettiHydraError):
        project.validate("+experiment=x", settings="Demo")
    assert bait not in sys.modules


@pytest.mark.parametrize("place", TARGETS_OF_JOBS)
def test_a_job_from_elsewhere_is_refused(project: Any, bait: str, place: str) -> None:
    """The job's own target names a class of the project, however it is written."""
    project.write({"conf/brevetti.yaml": TARGETS_OF_JOBS[place]})

    with pytest.raises(BrevettiHydraError):
        project.validate()
    assert bait not in sys.modules


@pytest.mark.parametrize(
    "argument",
    [
        *("job=bait:X", "job=bait.below:X", "job._target_=bait.X", "job={_target_: bait.X}"),
        *("+job._target_=bait:X", "job._target_=${oc.env:BAIT}", "--job._target_=bait.X"),
        *("hydra.searchpath=[pkg://bait]", "hydra.callbacks.x._target_=bait.X"),
        *(
            "hydra/launcher=bait",
            "+hydra.launcher._target_=bait.X",
            "hydra.searchpath=[pkg://bait.below]",
        ),
    ],
)
def test_an_argument_imports_nothing(project: Any, bait: str, argument: str) -> None:
    """No override loads what lies outside of the project."""
    with pytest.raises(BrevettiHydraError):
        project.validate(argument)
    assert bait not in sys.modules


def sent(text: str) -> dict[str, Any]:
    return {
        "name": f"n {text}",
        "settings": {
            "label": text,
            "mode": "slow",
            "names": {text: text},
            "weights": {text: 1.0},
            "optim": {"kind": "sgd"},
            "boxes": [{"hidden": 3}],
            "folder": text,
        },
        "datasets": [{"name": text, "id": text, "bucket": text, "tags": [{"name": text}]}],
        "tags": [{"name": text, "id": text}],
        "models": [{"id": text}],
        "parent": {"id": text},
    }


@pytest.mark.parametrize(
    "text", [ASKING, DECODING, "x ${oc.env:ASKED} y", "${label}${oc.env:ASKED}"]
)
@pytest.mark.parametrize("layer", ["above_yaml", "below_yaml"])
def test_what_a_platform_sent_is_never_resolved(
    project: Any, monkeypatch: MonkeyPatch, text: str, layer: str
) -> None:
    """Settings of info.json are taken to the letter, and shown and recorded so."""
    monkeypatch.setenv("ASKED", CANARY)
    composition = project.compose(
        f"platform.settings_layer={layer}", settings="Demo", info=sent(text)
    )
    validated = project.validate(settings="Demo", info=sent(text))

    shown = [
        repr(validated),
        cfg_text(composition, resolved=False, package=None),
        cfg_text(composition, resolved=True, package=None),
        repr(describe_settings(composition)),
        repr(recorded_tree(composition)),
        composition.job_name,
        repr(composition.resolution.values),
    ]
    assert text == validated.settings.model_dump()["label"]
    assert not [part for part in shown if CANARY in part]


def test_a_reference_to_what_was_sent_gives_it_to_the_letter(
    project: Any, monkeypatch: MonkeyPatch
) -> None:
    """Also where the user's own YAML refers to it, alone or within a text."""
    monkeypatch.setenv("ASKED", CANARY)
    project.write({"conf/brevetti.yaml": "version: ${label}\nfolder: a ${label}"})
    info = {"name": "n", "settings": {"label": ASKING}}
    found = project.settings("Demo", info=info)

    assert (ASKING, f"a {ASKING}") == (found["version"], str(found["folder"]))


@pytest.mark.parametrize("door", ["--info_file", "--label"])
def test_the_whole_run_resolves_nothing_sent(
    project: Any, monkeypatch: MonkeyPatch, door: str
) -> None:
    """A run that is opened by a platform's file or arguments holds the text itself."""
    monkeypatch.setenv("ASKED", CANARY)
    project.write(
        {
            "info.json": json.dumps(sent(ASKING) if door == "--info_file" else {}),
            "sent_to.py": "from brevetti_hydra import Job, JobSettings\n"
            "class S(JobSettings):\n    label: str = ''\n    mode: str = ''\n"
            "class Mine(Job):\n    settings: S\n    def run(self): pass\n",
        }
    )
    value = "info.json" if door == "--info_file" else ASKING
    monkeypatch.chdir(project.folder)
    job = open_run(
        read_argv(["job=sent_to:Mine", door, value]), folder=project.folder, command=["x"]
    )
    job.start()

    written = [path for path in project.folder.rglob("*") if path.is_file()]
    assert ASKING == job.settings.model_dump()["label"]
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]


BOMBS = {
    "doubling texts": "a0: xxxxxxxx\n"
    + "\n".join(f"a{n}: ${{weights.a{n - 1}}}${{weights.a{n - 1}}}" for n in range(1, 60)),
    "doubling lists": "a0: [1]\n"
    + "\n".join(f"a{n}: ['${{weights.a{n - 1}}}', '${{weights.a{n - 1}}}']" for n in range(1, 60)),
    "relative": "a0: x\n" + "\n".join(f"a{n}: ${{.a{n - 1}}}${{.a{n - 1}}}" for n in range(1, 60)),
    "put together": "k: a0\na0: x\n"
    + "\n".join(
        f"a{n}: ${{weights.${{weights.k}}}}${{.a{n - 1}}}${{.a{n - 1}}}" for n in range(1, 60)
    ),
    "selected": "a0: x\n"
    + "\n".join(
        f"a{n}: '${{oc.select:weights.a{n - 1}}}${{oc.select:weights.a{n - 1}}}'"
        for n in range(1, 60)
    ),
    "one long text often": f"a0: {'x' * 200_000}\na1: {'${weights.a0}' * 1_000}",
    "too many": "\n".join(f"a{n}: ${{epochs}}{'x' * 40}" for n in range(1_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_references_that_multiply_are_over_the_budget(project: Any, name: str) -> None:
    """What OmegaConf would resolve for ever is refused."""
    lines = "\n".join(f"  {line}" for line in BOMBS[name].splitlines())
    project.write({"conf/brevetti.yaml": f"weights:\n{lines}"})

    with pytest.raises(ConfigErrors) as caught:
        project.validate(settings="Demo")
    assert "over-budget" in {error.code for error in caught.value.errors}


def test_many_references_are_within_the_budget(project: Any) -> None:
    """A tree of hundreds of ordinary references resolves."""
    names = "\n".join(f"  k{n}: ${{weights.k{max(0, n - 1)}}}" for n in range(1, 30))
    more = "\n".join(f"  m{n}: ${{weights.k0}}" for n in range(500))
    project.write({"conf/brevetti.yaml": f"weights:\n  k0: 1.5\n{names}\n{more}"})

    weights = project.settings("Demo")["weights"]
    assert {1.5} == set(weights.values())
    assert 530 == len(weights)


def test_a_wide_tree_costs_references_nothing(project: Any) -> None:
    """What no reference names is not counted among what they read."""
    wide = ", ".join(f"k{n}: {n}" for n in range(8_000))
    project.write(
        {"conf/brevetti.yaml": f"weights: {{{wide}}}\nepochs: 7\nlayers: ['${{epochs}}']"}
    )

    assert [7] == project.settings("Demo")["layers"]


FILES_THAT_MULTIPLY = {
    f"conf/g/a{n}.yaml": f"defaults:\n  - a{n + 1}@x\n  - a{n + 1}@y\n" for n in range(30)
} | {"conf/g/a30.yaml": "label: x\n"}


def test_files_that_multiply_are_over_the_budget(project: Any) -> None:
    """Defaults lists that name two files each, thirty deep, end."""
    project.write(FILES_THAT_MULTIPLY | {"conf/brevetti.yaml": "defaults: [g/a0]"})

    with pytest.raises(OverBudgetError, match="more than 1,000 files"):
        project.compose(settings="Demo")


def test_one_file_in_many_packages_is_counted_in_full(project: Any) -> None:
    """Files are small, and together they are not."""
    wide = "\n".join(f"k{n}: {n}" for n in range(2_000))
    entries = "\n".join(f"  - g@p{n}: wide" for n in range(100))
    project.write({"conf/g/wide.yaml": wide, "conf/brevetti.yaml": f"defaults:\n{entries}"})

    with pytest.raises(OverBudgetError, match="nodes in all files"):
        project.compose(settings="Demo")


@pytest.mark.parametrize(
    "files",
    [
        {"conf/brevetti.yaml": f"# @package {'a.' * 500}a\nlabel: x"},
        {"conf/brevetti.yaml": f"defaults: [g@{'a.' * 500}a: x]", "conf/g/x.yaml": "label: x"},
    ],
)
def test_deep_packages_are_over_the_budget(project: Any, files: dict[str, str]) -> None:
    """A package is as deep as a mapping in mappings."""
    project.write(files)

    with pytest.raises(BrevettiHydraError):
        project.validate(settings="Demo")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (f"{'a.' * 500}a=1", "deeper than 64 levels"),
        (f"~{'a.' * 500}a", "deeper than 64 levels"),
        (f"--{'a.' * 500}a=1", "deeper than 64 levels"),
    ],
)
def test_deep_keys_are_over_the_budget(argument: str, message: str) -> None:
    """A key of many parts makes as many mappings."""
    with pytest.raises(OverBudgetError, match=message):
        read_argv([argument])


def test_a_quoted_key_may_have_any_dots(project: Any) -> None:
    """What stands in quotes is one key."""
    key = "." * 100

    assert {key: 2.0} == project.settings("Demo", f"weights['{key}']=2")["weights"]


def test_a_search_path_over_half_a_disk_is_over_the_budget(project: Any) -> None:
    """A folder that leads back into itself does not keep the list of groups busy."""
    for name in ("a", "b"):
        (project.folder / "conf" / name).symlink_to(project.folder / "conf")
    search = open_repository(read_argv([]), find_project(project.folder), project.folder)

    with pytest.raises(OverBudgetError, match="more than 1,000 groups"):
        list_groups(search)


@pytest.mark.parametrize(
    "argv",
    [
        *(
            ["label='${now:\x00}'"],
            ["label=\ud800"],
            ["\ud800=1"],
            ["--label", "\udcff\ud800"],
            ["label=\x00"],
        ),
        *([f"epochs={'9' * 5_000}"], [f"epochs=[{'9' * 5_000}]"], [f"rate=-{'9' * 5_000}.5"]),
        *(["hydra.searchpath=['~nobody-lives-here/x']"], ["hydra.searchpath=['\x00']"]),
        *([f"hydra.searchpath=[{'x' * 300}]"], ["--config-name", "x" * 300], ["-cd", "x" * 300]),
        *(["hydra.mode=[RUN]"], ["hydra.mode={a: b}"], ["hydra.verbose=[1]"], ["hydra={a: [1]}"]),
        *(["-cd", "\x00"], ["-cn", "\x00"], ["-cp", "\x00"], ["-cn", "\ud800"]),
        *([f"model={'x' * 300}"], [f"job={'x' * 300}"], [f"+experiment={'x' * 300}"]),
    ],
)
def test_odd_arguments_end_in_a_value_or_an_error(project: Any, argv: list[str]) -> None:
    """Names that no file has, numbers that no line holds and half characters are told of."""
    with suppress(BrevettiHydraError):
        composition = project.compose(*argv, settings="Demo")
        cfg_text(composition, resolved=True, package=None)
        project.validate(*argv, settings="Demo")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("a: !!python/object:bait.X {}", "the tag '!!python/object:bait.X' has no meaning here"),
        ("a: !!python/object/apply:os.system [x]", "has no meaning here"),
        ("a: !!set {a, b}", "the tag '!!set' has no meaning here"),
        ("a: !!binary YQ==", "the tag '!!binary' has no meaning here"),
        ("a: !!timestamp 2026-11-23", "the tag '!!timestamp' has no meaning here"),
        ("a: !mine b", "the tag '!mine' has no meaning here"),
        ("a: !!int x", "it is no int"),
        ("a: !!bool x", "it is no bool"),
        (f"a: 0x{'f' * 5_000}", "the number is too long"),
        (f"a: {'9' * 5_000}", "it is no int"),
    ],
)
def test_yaml_holds_plain_values_alone(project: Any, bait: str, text: str, note: str) -> None:
    """Tags of other kinds, and numbers that nobody can write, are refused at their place."""
    project.write({"conf/brevetti.yaml": f"label: x\n{text}"})
    error = project.error(settings="Demo")

    assert "conf/brevetti.yaml:2:" in error
    assert note in error
    assert bait not in sys.modules


@pytest.mark.parametrize("entry", ["${", "/optim: ${", "a${b: c", "/g: ${a:"])
def test_half_an_interpolation_in_a_defaults_list_has_a_place(project: Any, entry: str) -> None:
    """It is told of where it stands, also by what only lists the groups."""
    project.write(
        {
            "conf/brevetti.yaml": f'defaults:\n  - "{entry}"'
            if ":" not in entry
            else ("defaults:\n  - {'" + entry.replace(": ", "': '") + "'}"),
            "conf/g/a.yaml": "label: x",
        }
    )

    assert "conf/brevetti.yaml:2:" in project.error(settings="Demo")


def test_thousands_of_mistakes_are_counted(project: Any) -> None:
    """The report ends after a hundred of them with the number of the others."""
    project.write({"conf/brevetti.yaml": "\n".join(f"k{n}: {n}" for n in range(5_000))})
    error = project.error(settings="Demo")

    assert "4,900 more mistakes are not told" in error
    assert error.endswith("100 errors; nothing was run")


def test_overrides_of_code_may_hold_half_characters() -> None:
    """What code gives is read as what a shell gives."""
    assert "label" == read_overrides(["label=\ud800"])[0].key


@pytest.mark.parametrize("text", ["${weights.a%d}${weights.a%d}", "${weights.a%d}"])
def test_references_that_multiply_are_explained_once(project: Any, text: str) -> None:
    """An explanation follows each of them one time, and not without end."""
    lines = "\n".join(f"  a{n}: {text.replace('%d', str(n - 1))}" for n in range(1, 200))
    project.write({"conf/brevetti.yaml": f"weights:\n  a0: 1\n{lines}"})
    found = explain(project.compose(settings="Demo"), ["weights.a199"])

    assert ["weights.a199"] == [each.key for each in found]


class Mixed(JobSettings):
    mixed: int | list[str] | None = None


def test_a_list_of_many_mistakes_in_a_union_is_told_of(project: Any) -> None:
    """A member that took the list for its own is not given up for one that did not."""
    error = project.error("mixed=[1,2,3,4]", settings=Mixed)

    assert "'mixed[3]' must be text" in error
