"""Files, arguments and info.json of older versions."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any, Literal

import pytest

from brevetti_hydra import Field, JobSettings
from brevetti_hydra.config.explaining.explain import explain
from brevetti_hydra.config.migration import versions
from brevetti_hydra.config.migration.versions import load_tables
from brevetti_hydra.errors import ConfigErrors, UnknownSettingError
from brevetti_hydra.settings import HARNESS_VERSION, Secret

if TYPE_CHECKING:
    from tests.config.conftest import Project


class Optim(JobSettings):
    lr: float = Field(0.1, gt=0)


class Newest(JobSettings):
    """Settings as version 3 has them."""

    optim: Optim = Optim()
    timeout_s: float = 60
    mode: str = "fast"
    width: int = 1
    height: int = 1
    note: str = ""
    weights: dict[str, float] = Field({})
    token: Secret | None = None


class Narrow(Newest):
    """Settings that refuse the old value."""

    mode: Literal["fast", "thorough"] = "fast"


STEPS = """
    from brevetti_hydra.migrations import *

    STEPS = Migrations(
        step(1, rename("learning_rate", "lr"), unit("timeout_min", "timeout_s", factor=60)),
        step(
            2,
            move("lr", "optim.lr"),
            value("mode", {"quick": "fast"}),
            split("size", ("width", "height"), lambda size: (size, 2 * size)),
            remove("legacy", reason="nothing read it"),
            rename("api_token", "token"),
        ),
    )
"""


def with_steps(project: Project, steps: str = STEPS, **files: str) -> None:
    """Write the project's steps and its YAML files."""
    project.write(
        {
            "pyproject.toml": '[tool.brevetti_hydra]\nmigrations = "my_steps:STEPS"\n',
            "my_steps.py": dedent(steps),
            **{f"conf/{name}.yaml": dedent(text) for name, text in files.items()},
        }
    )


def settings(project: Project, *argv: str, **options: Any) -> dict[str, Any]:
    """Give what was set, as plain values."""
    return project.settings(Newest, *argv, **options)


def test_a_file_of_version_1_runs(project: Project) -> None:
    """Every kind of change is made on a file that says its version."""
    with_steps(
        project,
        brevetti="""
            config_version: 1
            learning_rate: 0.01
            timeout_min: 2
            mode: quick
            size: 7
            note: rate ${learning_rate}
        """,
    )

    found = settings(project)

    assert ({"lr": 0.01}, "rate 0.01") == (found["optim"], found["note"])
    assert (120, "fast", 7, 14) == tuple(
        found[key] for key in ("timeout_s", "mode", "width", "height")
    )


def test_one_line_tells_of_a_file(project: Project) -> None:
    """A file that was migrated is told of in one line, which names the steps that fired."""
    with_steps(project, brevetti="config_version: 1\nlearning_rate: 0.01\ntimeout_min: 2")

    line = (
        "'conf/brevetti.yaml' is of version 1 and was taken as version 3: "
        "step 1 (learning_rate -> lr, timeout_min -> timeout_s, times 60); step 2 (lr -> optim.lr)"
    )
    assert [line] == project.compose(settings=Newest).notices


def test_an_explanation_tells_what_became_of_an_old_name(project: Project) -> None:
    """Asked for a name of an older version, `explain` quotes the steps."""
    with_steps(project, brevetti="{}")

    with pytest.raises(UnknownSettingError) as caught:
        explain(project.compose(settings=Newest), ["size"])

    expected = (("split into 'width', 'height' in version 3",), None)
    assert expected == (caught.value.notes, caught.value.hint)


def test_an_old_file_without_old_names_is_not_told_of(project: Project) -> None:
    """Where no step fires there is nothing to tell."""
    with_steps(project, brevetti="config_version: 1\nnote: a")

    assert [] == project.compose(settings=Newest).notices


def test_origins_name_the_old_place(project: Project) -> None:
    """A key that moved is still of the file, line and column that wrote it, and says its name."""
    with_steps(project, brevetti="config_version: 1\nlearning_rate: 0.01")

    node = project.compose(settings=Newest).filled.at(("optim", "lr"))

    assert node is not None
    assert "conf/brevetti.yaml:2:1" == node.origin.label
    assert "written as 'learning_rate', version 1" == node.origin.note


@pytest.mark.parametrize(
    ("primary", "option", "is_old"),
    [
        ("", "config_version: 1", True),
        ("config_version: 1", "", True),
        ("config_version: 1", "config_version: 3", False),
        ("config_version: 3", "config_version: 1", True),
        ("config_version: {project: 1, harness: 1}", "", True),
        ("config_version: {harness: 1}", "config_version: {project: 2}", False),
        ("", "", False),
    ],
)
def test_a_file_is_of_its_own_version_else_of_the_primary_s(
    project: Project, primary: str, option: str, is_old: bool
) -> None:
    """A file's own number counts, then the primary's; without both it is of the newest version."""
    with_steps(
        project,
        brevetti=primary,
        **{"experiment/e": f"# @package _global_\n{option}\nlearning_rate: 0.5"},
    )

    if is_old:
        assert {"lr": 0.5} == settings(project, "+experiment=e")["optim"]
    else:
        assert "no setting 'learning_rate'" in project.error("+experiment=e", settings=Newest)


def test_shipped_files_are_of_the_newest_version(project: Project) -> None:
    """The primary's number is the project's, and says nothing of the files that are shipped."""
    steps = """
        from brevetti_hydra.migrations import *
        STEPS = [step(1, rename("epochs", "rounds"))]
    """
    with_steps(project, steps, brevetti="config_version: 1")

    assert 2 == project.compose("job=classifier", "epochs=2").tree["epochs"]


def test_a_file_s_keys_move_out_of_its_package(project: Project) -> None:
    """Steps see whole keys: a file of a group is migrated where its package puts it."""
    steps = """
        from brevetti_hydra.migrations import *
        STEPS = Migrations(step(1, rename("optimizer", "optim")))
    """
    with_steps(project, steps, **{"optimizer/slow": "config_version: 1\nlr: 0.001"})

    assert {"lr": 0.001} == settings(project, "+optimizer=slow")["optim"]


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "true", "'1'", "null", "{}", "{a: 1}", "[1]"])
def test_a_wrong_number_is_an_error_with_its_place(project: Project, number: str) -> None:
    """`config_version` is an integer from 1, or a mapping of such."""
    project.write({"conf/brevetti.yaml": f"note: a\nconfig_version: {number}"})

    error = project.error(settings=Newest)

    assert "'config_version' must be an integer from 1, but is" in error
    assert "--> conf/brevetti.yaml:2:1" in error


def test_all_newer_files_are_named(project: Project) -> None:
    """A file of a version that nobody knows is refused, and so are all of them at once."""
    with_steps(
        project,
        brevetti="config_version: {project: 4, harness: 1}",
        **{
            "experiment/e": f"# @package _global_\nconfig_version: {{harness: {HARNESS_VERSION + 1}}}"
        },
    )

    error = project.error("+experiment=e", settings=Newest)

    assert (
        "'conf/brevetti.yaml' is of version 4, but this project knows the versions 1 to 3" in error
    )
    assert "named there is 'my_steps:STEPS'" in error
    assert "'conf/experiment/e.yaml' is of version 2 of the harness's own nodes" in error


@pytest.mark.parametrize(
    ("argument", "key", "value", "notice"),
    [
        (
            "learning_rate=0.2",
            ("optim", "lr"),
            0.2,
            "'learning_rate' is now 'optim.lr'; taken as that",
        ),
        ("+lr=0.2", ("optim", "lr"), 0.2, "'lr' is now 'optim.lr'; taken as that"),
        (
            "--learning_rate=0.2",
            ("optim", "lr"),
            0.2,
            "'learning_rate' is now 'optim.lr'; taken as that",
        ),
        ("timeout_min=2", ("timeout_s",), 120, "'timeout_min' is now 'timeout_s'; taken as that"),
        ("--timeout_min=2", ("timeout_s",), 120, "'timeout_min' is now 'timeout_s'; taken as that"),
        ("size=4", ("height",), 8, "'size' is now split into 'width', 'height'; taken as that"),
        (
            "learning_rate=${timeout_s}",
            ("optim", "lr"),
            60,
            "'learning_rate' is now 'optim.lr'; taken as that",
        ),
    ],
)
def test_an_argument_by_an_old_name(
    project: Project, argument: str, key: tuple[str, ...], value: Any, notice: str
) -> None:
    """An argument by an old name is taken for what it is now, and the user is told."""
    with_steps(project)

    found: Any = settings(project, argument)
    for part in key:
        found = found[part]

    assert value == found
    assert [notice] == project.compose(argument, settings=Newest).notices


def test_an_old_name_is_taken_away(project: Project) -> None:
    """`~old` goes back to the default of the key that it became."""
    with_steps(project, brevetti="optim: {lr: 5}")

    assert {"lr": 0.1} == settings(project, "~learning_rate")["optim"]


def test_an_argument_keeps_its_text_and_place(project: Project) -> None:
    """Records and errors show an argument as it was given."""
    with_steps(project)

    composition = project.compose("timeout_min=2", settings=Newest)
    error = project.error("learning_rate=-1", settings=Newest)

    assert ["timeout_min=2"] == [each.shown for each in composition.arguments]
    assert "'optim.lr' must be greater than 0, but is -1" in error
    assert "--> argument 1: learning_rate=-1" in error


def test_a_name_of_today_is_no_old_name(project: Project) -> None:
    """What the class knows, or takes in an open mapping, is never taken for something else."""
    steps = """
        from brevetti_hydra.migrations import *
        STEPS = [step(1, rename("note", "mode"), rename("weights.a", "weights.b"))]
    """
    with_steps(project, steps)

    found = settings(project, "note=x", "weights.a=2")

    assert ("x", "fast", {"a": 2}) == (found["note"], found["mode"], found["weights"])


def test_several_meanings_are_not_chosen_from(project: Project) -> None:
    """An old name that meant different things is an error."""
    steps = """
        from brevetti_hydra.migrations import *
        STEPS = [step(1, unit("wait", factor=60)), step(2, rename("wait", "timeout_s"))]
    """
    with_steps(project, steps)

    assert "'wait' had several meanings in older versions" in project.error(
        "wait=2", settings=Newest
    )


def test_a_secret_under_an_old_name_is_masked(project: Project) -> None:
    """The type of the key that it became tells that a value is a secret."""
    with_steps(project)

    composition = project.compose("api_token=hunter2", "learning_rate=-1", settings=Newest)

    assert "hunter2" not in str([each.shown for each in composition.arguments])
    assert "hunter2" not in str(composition.notices)
    assert "hunter2" not in project.error("api_token=hunter2", "mode=[1]", settings=Newest)


def test_a_secret_that_was_converted_is_masked(project: Project) -> None:
    """A converted argument is as secret as the key that it became."""
    steps = """
        from brevetti_hydra.migrations import *
        STEPS = [step(1, split("pair", ("token", "note"), lambda pair: pair.split("/")))]
    """
    with_steps(project, steps)

    composition = project.compose("pair=hunter2/x", settings=Newest)

    assert ["pair=**********"] == [each.shown for each in composition.arguments]
    assert "hunter2" not in str(composition.origins())


def test_settings_of_info_json(project: Project) -> None:
    """What a platform sends by old names is taken for what it is now; the newest name wins."""
    with_steps(project)
    info = {"settings": {"learning_rate": "0.3", "timeout_min": "2", "timeout_s": 5, "odd": 1}}

    composition = project.compose(settings=Newest, info=info)

    assert 0.3 == float(composition.tree["optim"]["lr"])
    assert 5 == composition.tree["timeout_s"]
    assert ["odd"] == [error.message.split("'")[1] for error in composition.unknown_sent]


@pytest.mark.parametrize("argv", [("+experiment=e",), ("legacy=1",)])
def test_what_would_be_lost_has_to_be_allowed(project: Project, argv: tuple[str, ...]) -> None:
    """A key that was removed is an error with the reason, unless it is allowed."""
    with_steps(
        project,
        **{"experiment/e": "# @package _global_\nconfig_version: 1\nlegacy: 1\nlearning_rate: 2"},
    )

    error = project.error(*argv, settings=Newest)

    assert "error[lossy-migration]: 'legacy' would be lost: nothing read it" in error
    assert settings(project, *argv, "--allow-lossy")


def test_old_names_in_a_file_of_today_quote_the_table(project: Project) -> None:
    """The error says what a name became, and the hint how the file is mended."""
    with_steps(project, brevetti="config_version: 3\nlearning_rate: 1\nlegacy: 2\nsize: 3\nlr: 1")

    error = project.error(settings=Newest)

    assert "note: renamed to 'optim.lr' in version 3" in error
    assert "note: removed in version 3: nothing read it" in error
    assert "note: split into 'width', 'height' in version 3" in error
    assert 4 == error.count("hint: brevetti-hydra config migrate conf/brevetti.yaml --from 1")


def test_a_step_of_one_job_is_for_that_job_alone(project: Project) -> None:
    """Steps of a job class need its target, by any name that the class had."""
    steps = """
        from brevetti_hydra.migrations import *
        STEPS = [
            step(1, rename("a", "note"), job="old_train.First"),
            step(1, rename("a", "mode"), job="old_train:Second"),
            step(1, move_job("old_train:First", "train:First")),
        ]
    """
    with_steps(project, steps, brevetti="config_version: 1\na: x")
    project.write(
        {
            "train.py": dedent(
                """
                from brevetti_hydra import Job, JobSettings
                class Settings(JobSettings):
                    note: str = ""
                    mode: str = ""
                class First(Job):
                    settings: Settings
                """
            )
        }
    )

    for target in ("train:First", "old_train:First", "train.First"):
        composition = project.compose(f"job={target}")
        assert ("x", "") == (composition.tree["note"], composition.tree["mode"])


def test_the_harness_has_its_own_table(project: Project) -> None:
    """Reserved nodes are migrated by steps of the harness, from the number of the harness."""
    from brevetti_hydra.config import find_project, read_argv
    from brevetti_hydra.config.files.search import open_repository, plan
    from brevetti_hydra.migrations import Migrations, rename, step

    with_steps(project, brevetti="config_version: {harness: 1}\nrun: {random_seed: 3}")
    harness = Migrations(step(1, rename("run.random_seed", "run.seed")))
    found, request = find_project(project.folder), read_argv([])
    search = open_repository(request, found, project.folder)
    files = plan(search, ()).files

    tables = load_tables(found, harness)
    versioned = versions.VersionedFiles(tables, search, files, allow_lossy=False)

    assert {"run": {"seed": 3}} == versioned.trees(None)[-1].plain()


def test_the_harness_s_number_is_its_table_s() -> None:
    """The number that records keep is that of the table, which is not loaded for most runs."""
    assert HARNESS_VERSION == versions.HARNESS.current


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("STEPS = 3", "'my_steps:STEPS' is no list of steps"),
        ("STEPS = [3]", "migrations are made of steps, but one is 3"),
        ("STEPS = [step(2)]", "the step 1 is missing: the highest is 2"),
        ("STEPS = [step(1), step(1)]", "the step 1 stands there twice"),
        ("STEPS = [step(0)]", "the number of a step must be an integer from 1, but is 0"),
        ("STEPS = [step(1, 'a')]", "the step 1 holds 'a', which is no change"),
        (
            "STEPS = [step(1, rename('run.a', 'b'))]",
            "the step 1 changes 'run', a node of the harness",
        ),
        (
            "STEPS = [step(1, move('b', 'job.b'))]",
            "the step 1 changes 'job', a node of the harness",
        ),
        ("STEPS = [step(1, split('b', ['hydra.b'], str))]", "the step 1 changes 'hydra'"),
        ("STEPS = [step(1, rename('a', 'a'))]", "rename: 'a' is its new name as well"),
        ("STEPS = [step(1, rename('a b', 'c'))]", "'a b' is no key"),
        ("STEPS = [step(1, rename(1, 'a'))]", "1 is no key"),
        (
            "STEPS = [step(1, unit('a', factor=0))]",
            "the factor of 'a' must be a number other than 0, not 0",
        ),
        ("STEPS = [step(1, value('a', 3))]", "the values of 'a' must be a mapping or a function"),
        ("STEPS = [step(1, split('a', 'b', str))]", "'a' must be split into a list"),
        ("STEPS = [step(1, split('a', ['b'], 3))]", "'a' must be split by a function, not by 3"),
        ("STEPS = [step(1, remove('a', reason=' '))]", "the removal of 'a' needs a reason"),
        ("STEPS = [step(1, move_job('a', 'b:C'))]", "'a' names no class"),
        ("STEPS = [step(1, job='a')]", "'a' names no class"),
        ("STEPS = [step(1, move_job('a:B', 'a.B'))]", "the class 'a:B' is moved to where it is"),
        ("STEPS = [step(1, move_job('a:B', 'a:C'), job='a:B')]", "the step 1 moves a class"),
        ("1 / 0", "the import of 'my_steps' failed"),
        ("STEP = [step(1)]", "there is no list 'STEPS' in the module of 'my_steps:STEPS'"),
        ("STEP = [step(1)]", "note: it has 'STEP'\n"),
        (
            "STEPS = [step(1, rename('a', 'b'), rename('a', 'c'))]",
            "the step 1 changes 'a' after it has taken it away",
        ),
        (
            "STEPS = [step(1, move('a', 'b'), unit('a.c', factor=2))]",
            "the step 1 changes 'a.c' after it has taken it away",
        ),
    ],
)
def test_wrong_steps_are_told_of(project: Project, steps: str, message: str) -> None:
    """What is wrong with the steps is said in our words, with where they are named."""
    with_steps(project, f"from brevetti_hydra.migrations import *\n{steps}")

    error = project.error(settings=Newest)

    assert message in error
    assert "--> pyproject.toml: [tool.brevetti_hydra] migrations" in error


@pytest.mark.parametrize(
    "changes",
    [
        "rename('a', 'b'), rename('c', 'a'), rename('a', 'd')",
        "split('a', ('a', 'b'), str), rename('a', 'c')",
        "move('a', 'a.b'), rename('a.b', 'a.c')",
        "move('a.b', 'b'), remove('a', reason='empty')",
    ],
)
def test_a_name_may_come_back_in_a_step(project: Project, changes: str) -> None:
    """A key that is there again may change again."""
    with_steps(project, f"from brevetti_hydra.migrations import *\nSTEPS = [step(1, {changes})]")

    assert [] == project.compose(settings=Newest).problems


def test_the_name_of_the_steps_is_no_class(project: Project) -> None:
    """Where pyproject.toml names no list, the error shows how one is named."""
    with_steps(project)
    project.write({"pyproject.toml": '[tool.brevetti_hydra]\nmigrations = "my_steps"\n'})

    error = project.error(settings=Newest)

    assert "'my_steps' names no list of steps" in error
    assert "hint: write it as 'package.module:MIGRATIONS'" in error


def test_a_step_that_leads_nowhere_is_named(project: Project) -> None:
    """Of a name that only a step wrote, the error says so and sends nobody to a similar one."""
    steps = "from brevetti_hydra.migrations import *\nSTEPS = [step(1, rename('old', 'nots'))]"
    with_steps(project, steps, brevetti="config_version: 1\nold: 1")

    error = project.error(settings=Newest)

    assert "no setting 'nots'" in error
    assert "note: written as 'old', version 1" in error
    assert "hint: correct the step that gives it this name, or take it out" in error


def test_an_old_value_is_told_of(project: Project) -> None:
    """An argument, and a file of today, with a value that a table has is told the new one."""
    with_steps(project, brevetti="config_version: 3\nmode: quick")

    argument, file = (project.error(*argv, settings=Narrow) for argv in (["mode=quick"], []))

    assert "note: 'quick' is written 'fast' since version 3" in argument
    assert "note: 'quick' is written 'fast' since version 3" in file
    assert "hint: brevetti-hydra config migrate conf/brevetti.yaml --from 2" in file
    assert "since version" not in project.error("mode=slow", settings=Narrow)


def test_an_old_value_in_info_json_is_told_of(project: Project) -> None:
    """What a platform sent is taken for what it is now, and the notice has both."""
    steps = "from brevetti_hydra.migrations import *\nSTEPS = [step(1, value('gone', {'a': 'b'}))]"
    with_steps(project, steps)

    composition = project.compose(settings=Newest, info={"settings": {"gone": "a"}})

    assert "'a' of 'gone' is now 'b'; taken as that" in composition.notices


def test_steps_are_loaded_from_the_project_alone(project: Project) -> None:
    """pyproject.toml names no code outside of the project."""
    project.write({"pyproject.toml": '[tool.brevetti_hydra]\nmigrations = "subprocess:Popen"\n'})

    error = project.error(settings=Newest)

    assert "configuration may not load 'subprocess:Popen'" in error


def test_a_project_without_versions_loads_nothing(project: Project) -> None:
    """The modules of migrations are imported where there are any, and nowhere else."""
    import subprocess
    import sys

    code = (
        "import sys, pathlib; from brevetti_hydra import Job; "
        "from brevetti_hydra.config import compose, read_argv; "
        "compose(read_argv(['job=hello']), folder=pathlib.Path('.'), base=Job); "
        "names = ('migrations', 'migrating', 'versions', 'old_names', 'references'); "
        "print([m for m in sys.modules if m.startswith('brevetti') and m.endswith(names)])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=project.folder, capture_output=True, text=True, check=True
    )

    assert "[]\n" == found.stdout


def test_a_version_on_the_command_line_is_refused(project: Project) -> None:
    """The number is said in files, whose keys it is about."""
    assert "'config_version' belongs into a file" in project.error(
        "config_version=1", settings=Newest
    )


@pytest.mark.usefixtures("project")
def test_every_error_is_in_one_report(project: Project) -> None:
    """What cannot be migrated is reported together with all other mistakes."""
    with_steps(
        project, brevetti="config_version: 1\nlearning_rate: 1\nlr: 2\ntimeout_min: ${note}\nodd: 1"
    )

    with pytest.raises(ConfigErrors) as caught:
        project.validate(settings=Newest)

    assert {"migration-failed", "unknown-setting"} == {e.code for e in caught.value.errors}
    assert 3 <= len(caught.value.errors)


def test_a_wrong_value_says_by_which_name_it_was_written(project: Project) -> None:
    """The error names the key of today, the old place, and the name that stands there."""
    with_steps(project, brevetti="config_version: 1\nlearning_rate: -1")

    error = project.error(settings=Newest)

    assert "'optim.lr' must be greater than 0, but is -1" in error
    assert "--> conf/brevetti.yaml:2:1" in error
    assert "note: written as 'learning_rate', version 1" in error
