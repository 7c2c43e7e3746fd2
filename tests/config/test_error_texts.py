"""What the reports of wrong configurations look like: one golden text for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from brevetti_hydra import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JOB = """
from brevetti_hydra import Job, JobSettings
class S(JobSettings):
    lr: float = 1.0
class MyJob(Job):
    settings: S
class Other:
    pass
class Taken(Job):
    settings: "T"
class T(JobSettings):
    run: int = 3
"""
ADAM = "kind: adam\nlr: 1.0e-3\n"


class Case(NamedTuple):
    """A wrong command line in a project."""

    argv: tuple[str, ...] = ()
    files: Mapping[str, str] = {}
    settings: str | None = "Demo"
    info: Mapping[str, Any] | None = None


def primary(text: str, **files: str) -> dict[str, str]:
    return {"conf/brevetti.yaml": text} | {f"conf/{k}.yaml": v for k, v in files.items()}


STEPS = {
    "pyproject.toml": '[tool.brevetti_hydra]\nmigrations = "steps:STEPS"\n',
    "steps.py": """\
from brevetti_hydra.migrations import *

STEPS = [
    step(1, rename("passes", "epochs"), unit("rate_hz", "rate", factor=0.5)),
    step(2, value("speed", lambda speed: {"quick": "fast"}[speed]), rename("speed", "mode")),
    step(3, move("model.units", "model.hidden"), remove("old", reason="nobody set it")),
]
""",
}

CASES = {
    "hints_that_can_be_typed": Case(
        (
            ".rate=1",
            "rate.=1",
            "rate:=1",
            "rate=0.5 epochs=4",
            "weights={a=1}",
            "--plain.title",
            "--data",
            "--layers",
            "3,4",
            "--weights",
            "x",
            "modle=big",
        ),
        primary("defaults:\n- model: null\n- _self_\n", **{"model/big": "hidden: 1\n"}),
    ),
    "wrong_by_reference": Case(
        ("rate=x",), primary("learning: ${rate}\nlabel: ${split.devel}\nsplit:\n  devel: 0.5\n")
    ),
    "wrong_length": Case((), primary("pair: [1, 2, 3]\nsingle: []\n"), settings="Sized"),
    "wrong_time_in_yaml": Case((), primary("day: 2026-13-01\n"), settings="Sized"),
    "module_as_a_job": Case(
        ("job=pack.jobs",), {"pack/__init__.py": "", "pack/jobs.py": JOB}, settings=None
    ),
    "file_as_a_job": Case(
        ("job=pack/jobs.py:MyJob",), {"pack/__init__.py": "", "pack/jobs.py": JOB}, settings=None
    ),
    "class_among_imported_ones": Case(("job=jobs:MyJb",), {"jobs.py": JOB}, settings=None),
    "nothing_to_take_away": Case(
        ("~weights.b", "weights.alpha=1", "~weights.alpa", "~nodes.n.hidden"),
        primary("weights:\n  aleph: 1\nnodes:\n  n: {depth: 1}\n"),
    ),
    "reserved_node_as_a_value": Case(("run=x", "platform.kind=3")),
    "chosen_twice_in_one_list": Case(
        ("+experiment=two",),
        primary(
            "defaults:\n- model: a\n- _self_\n",
            **{
                "model/a": "hidden: 1\n",
                "model/b": "hidden: 2\n",
                "experiment/two": "# @package _global_\ndefaults:\n- /model: b\n",
            },
        ),
    ),
    # several mistakes in one report, in files and arguments
    "several_in_yaml_and_line": Case(
        ("epochs=0", "rate=abc"),
        primary("defaults:\n- optim: adam\n- _self_\nepochs: 5\n")
        | {"conf/optim/adam.yaml": ADAM + "beta_1: 0.9\n"},
    ),
    "several_kinds": Case(
        ("epoch=3", "optim.kind=sgd", "optim.beta1=.9", "--layers", "1,2", "weights.a=x"),
        primary(
            "label: 1.10\nboxes:\n- hidden: 3\n- hiden: 4\n- hidden: x\nmodel:\n  hidden: ${nothere}\n"
        ),
    ),
    "several_in_reserved_nodes": Case(
        ("run.seed=-1", "run.sed=3", "job.datasets.x.buket=3", "platform.kind=remote")
    ),
    # unknown-setting
    "unknown_with_similar": Case(("model.hiden=3",)),
    "unknown_with_same_leaf_elsewhere": Case(("hidden=3",)),
    "unknown_with_nothing_near": Case(("zzz=3",)),
    "unknown_in_dataclass": Case(("image.size=3",)),
    "unknown_taken_away": Case(("~epoch",)),
    "unknown_of_other_variant": Case(
        ("optim.momentum=.9",), primary("optim:\n  " + "kind: adam\n")
    ),
    "unknown_api_key": Case(("platform.api_key=hunter2",)),
    "unknown_in_info": Case(
        ("platform.unknown_settings=error",),
        info={"name": "x", "settings": {"zzz": 3, "model": {"hiden": 3}}},
    ),
    "defaults_as_setting": Case(("defaults=[a]",)),
    "node_of_sweeps": Case(("sweep.repeat=3",)),
    # invalid-setting
    "invalid_bound_with_replaced_value": Case(("epochs=0",), primary("epochs: 5\n")),
    "invalid_in_list": Case((), primary("layers:\n- 1\n- two\n")),
    "invalid_text_in_yaml": Case((), primary("version: 1.10\n")),
    "invalid_literal": Case(("mode=quick",)),
    "invalid_variant": Case(("optim.kind=adm",)),
    "invalid_mapping": Case(("model=3",)),
    "invalid_null": Case(("epochs=null",)),
    "invalid_in_info": Case(info={"name": "x", "settings": {"rate": "x", "layers": "[1,2"}}),
    "invalid_searchpath": Case(("hydra.searchpath=[http://x]",)),
    "invalid_secret": Case(("token=[hunter2]",), primary("token: hunter3\n")),
    # missing-setting
    "missing_settings": Case(settings="Required"),
    "missing_written_as_question_marks": Case(
        (), primary("data:\n  classes: ???\nlabel: x\n"), "Required"
    ),
    "missing_behind_a_reference": Case(
        ("label=${data.classes}",), primary("data:\n  classes: ???\n"), "Required"
    ),
    # override-syntax
    "syntax_no_override": Case(("lr",)),
    "syntax_colon": Case(("lr:0.01",)),
    "syntax_no_key": Case(("=3",)),
    "syntax_unclosed": Case(("layers=[1",)),
    "syntax_index": Case(("layers[0]=1",)),
    "syntax_unquoted_key": Case(("weights[any text]=1",)),
    "syntax_literal_list": Case(("--layers", "1,2")),
    "syntax_flag_without_value": Case(("--epochs", "--verbose")),
    # config-syntax
    "yaml_broken": Case((), primary("epochs:\n\t3\n")),
    "yaml_key_twice": Case((), primary("epochs: 3\nrate: 1\nepochs: 4\n")),
    "yaml_no_mapping": Case((), primary("- 1\n")),
    "yaml_two_documents": Case((), primary("epochs: 3\n---\nepochs: 4\n")),
    "yaml_unknown_alias": Case((), primary("model: *m\n")),
    "yaml_control_character": Case((), primary('epochs: 3\nlabel: "\x1b[31m"\n')),
    "toml_broken": Case((), {"pyproject.toml": "[tool.brevetti_hydra\n"}),
    # newer-config, migration-failed, lossy-migration
    "newer_than_known": Case((), STEPS | primary("epochs: 3\nconfig_version: 7\n")),
    "migration_both_set": Case(
        (), STEPS | primary("config_version: 1\npasses: 3\nepochs: 4\nrate_hz: ${label}\n")
    ),
    "migration_references": Case(
        (),
        STEPS
        | primary("config_version: 1\nlabel: ${oc.select:passes}\nmodel:\n  depth: ${..passes}\n"),
    ),
    "migration_raises": Case((), STEPS | primary("config_version: 1\nspeed: slow\n")),
    "migration_lossy": Case((), STEPS | primary("config_version: 1\nold: 3\n")),
    "migration_old_names": Case(
        ("old=3",), STEPS | primary("passes: 3\nrate_hz: 4\nmodel: {units: 2}\n")
    ),
    # config-not-found
    "no_such_primary": Case(("-cn", "mine")),
    "no_such_folder": Case(("-cd", "nothere")),
    "no_such_searchpath": Case(("hydra.searchpath=[nothere]",)),
    "no_such_config_in_defaults": Case((), primary("defaults:\n- nothere\n")),
    # unknown-option
    "option_unknown_on_line": Case(("g=aa",), {"conf/g/ab.yaml": "", "conf/g/b.yaml": ""}),
    "option_unknown_in_defaults": Case((), primary("defaults:\n- g: c\n", **{"g/a": ""})),
    "option_null": Case(("g=null",), {"conf/g/a.yaml": ""}),
    "option_needed": Case((), primary("defaults:\n- g: ???\n", **{"g/a": ""})),
    "group_unknown": Case(("q/z=3",)),
    "job_option_unknown": Case(("job=clasifier",), settings=None),
    # composition-failed
    "defaults_no_list": Case((), primary("defaults: 3\n")),
    "defaults_odd_entry": Case((), primary("defaults:\n- g: a\n  h: b\n")),
    "defaults_circle": Case(
        (),
        primary(
            "defaults:\n- g: a\n", **{"g/a": "defaults: [/h: b]\n", "h/b": "defaults: [/g: a]\n"}
        ),
    ),
    "defaults_override_without_choice": Case(
        (), primary("defaults:\n- override g: a\n", **{"g/a": ""})
    ),
    "defaults_override_misplaced": Case(
        (), primary("defaults:\n- g: a\n- override g: b\n- h: a\n", **{"g/a": "", "h/a": ""})
    ),
    "defaults_chosen_twice": Case(
        (), primary("defaults:\n- g: a\n- g: b\n", **{"g/a": "", "g/b": ""})
    ),
    "choice_not_there_to_take_away": Case(("~g",), {"conf/g/a.yaml": ""}),
    "choice_in_other_package": Case(
        ("g=b",), primary("defaults:\n- g@p: a\n", **{"g/a": "", "g/b": ""})
    ),
    # interpolation-failed
    "interpolations": Case(
        ("epochs=${rates}",),
        primary(
            "label: ${model.hiden}\nfolder: ${oc.env:BREVETTI_NOT_SET}\nversion: ${foo:1}\n"
            "rate: ${hydra:runtime.output_dir}\nmode: ${\n"
        ),
    ),
    "interpolation_circle": Case((), primary("label: ${version}\nversion: ${label}\n")),
    # over-budget
    "budget_bomb": Case(
        (),
        primary(
            "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
            "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
            "e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
        ),
    ),
    "budget_deep": Case((), primary("weights: " + "[" * 70 + "]" * 70)),
    "budget_long_override": Case(("label=" + "x" * 9000,)),
    "budget_alias_in_itself": Case((), primary("a: &a [*a]\n")),
    # refused-hydra-key, sweep-not-asked
    "hydra_keys": Case(("hydra.callbacks.x=3", "hydra.job.chdir=true", "hydra.output_subdir=null")),
    "sweeps": Case(("epochs=1,2", "label=a,b", "hydra.mode=MULTIRUN")),
    "sweep_of_options": Case(("g=a,b",), {"conf/g/a.yaml": "", "conf/g/b.yaml": ""}),
    # job classes
    "no_job": Case(settings=None),
    "target_refused": Case(("job=subprocess:Popen",), settings=None),
    "target_refused_in_yaml": Case(
        ("job=j",),
        {"conf/job/j.yaml": "# @package _global_\njob:\n  _target_: os.system\n"},
        settings=None,
    ),
    "target_package_refused": Case(("hydra.searchpath=[pkg://yaml]",)),
    "target_no_module": Case(("job=train2:MyJob",), {"train.py": JOB}, settings=None),
    "target_no_submodule": Case(
        ("job=pkg.trian:MyJob",), {"pkg/__init__.py": "", "pkg/train.py": JOB}, settings=None
    ),
    "target_no_class": Case(("job=train:MyJb",), {"train.py": JOB}, settings=None),
    "target_no_name": Case(("job._target_=train",), {"train.py": JOB}, settings=None),
    "target_broken": Case(
        ("job=train:MyJob",), {"train.py": "import nothere_at_all"}, settings=None
    ),
    "target_namespace": Case(("job=ns:MyJob",), {"ns/train.py": JOB}, settings=None),
    "target_no_job": Case(("job=train:Other",), {"train.py": JOB}, settings=None),
    "target_job_itself": Case(("job=train:Job",), {"train.py": JOB}, settings=None),
    # usage
    "table_unknown_key": Case((), {"pyproject.toml": "[tool.brevetti_hydra]\njobz = []\n"}),
    "table_wrong_limit": Case(
        (), {"pyproject.toml": "[tool.brevetti_hydra.budget]\ndepth = 'x'\n"}
    ),
    "flag_unknown": Case(("-x",)),
    "flag_without_value": Case(("-cn",)),
    "ids_contradict": Case(("--job_id", "a", "--model_id", "b")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_report_reads_as_it_was_judged(
    name: str, project: Any, golden: Callable[[str, str], None]
) -> None:
    """The whole report of a wrong command line is the golden text."""
    case = CASES[name]
    project.write({"pyproject.toml": ""} | dict(case.files))

    text = project.error(*case.argv, settings=case.settings, info=case.info)

    golden(f"config/{name}.txt", text + "\n")
    assert "hunter2" not in text


def test_every_code_has_a_golden_text(repository: Path) -> None:
    """Each kind of error about configuration and job classes stands in a golden text."""
    kinds: list[type[errors.BrevettiHydraError]]
    kinds = [errors.UsageError, *leaves(errors.ConfigError), *leaves(errors.JobClassError)]
    # `invalid-config` is the report of several, `reserved-name` is checked where runs are opened.
    elsewhere = {"invalid-config", "reserved-name", "invalid-axis", "invalid-search"}
    codes = {kind.code for kind in kinds} - elsewhere
    texts = [
        path.read_text(encoding="utf-8")
        for path in (repository / "tests" / "golden" / "config").glob("*.txt")
    ]

    assert [] == sorted(c for c in codes if not any(f"error[{c}]: " in text for text in texts))


def test_no_golden_text_is_left_over(repository: Path) -> None:
    """Every golden text belongs to a case."""
    folder = repository / "tests" / "golden" / "config"

    assert sorted(f"{name}.txt" for name in CASES) == sorted(path.name for path in folder.iterdir())


def leaves(root: type[errors.BrevettiHydraError]) -> list[type[errors.BrevettiHydraError]]:
    below = [leaf for kind in root.__subclasses__() for leaf in leaves(kind)]
    return below or [root]
