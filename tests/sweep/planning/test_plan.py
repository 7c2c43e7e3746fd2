"""Plans of sweeps: every trial is what a single run would be, and all mistakes are told at once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from brevetti_hydra import Job
from brevetti_hydra.cli.main import main
from brevetti_hydra.config import compose, read_argv, read_overrides, validate
from brevetti_hydra.config.recorded import compose_recorded, recorded_tree
from brevetti_hydra.errors import BrevettiHydraError
from brevetti_hydra.sweep.planning.plan import SweepPlan, plan_sweep, write_sweep
from brevetti_hydra.sweep.record import PlannedTrial
from brevetti_hydra.sweep.trial import with_values

if TYPE_CHECKING:
    from collections.abc import Callable

JOBS = """
from typing import Annotated, Literal
from brevetti_hydra import Field, Job, JobSettings, Secret

class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    beta: float = 0.9

class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    momentum: float = 0.0

class Settings(JobSettings):
    lr: float = Field(0.1, gt=0)
    epochs: int = 3
    label: str = "x"
    twice: float = Field(default_factory=lambda known: known["lr"] * 2)
    optim: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    weights: dict[str, float] = {}
    token: Secret = Secret("hunter2-default")

class One(Job):
    settings: Settings
    objective = "loss"

class Two(Job):
    settings: Settings
"""
FILES = {
    "pyproject.toml": "",
    "planned.py": JOBS,
    "conf/job/one.yaml": "# @package _global_\njob: {_target_: planned:One}\nepochs: 5\n",
    "conf/job/two.yaml": "# @package _global_\njob: {_target_: planned:Two}\n"
    "label: ${lr}-${hydra:job.override_dirname}\n",
    "conf/experiment/a.yaml": "# @package _global_\nlr: 0.3\n",
    "conf/experiment/b.yaml": "# @package _global_\nlr: 0.4\noptim: {kind: sgd, momentum: 0.5}\n",
    "points.txt": "# which\nlr=1 label='a b' # first\n\nlr=2 optim.kind=sgd\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with two jobs, and stand in it."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # The classes of the project before are another module of the same name.
    sys.modules.pop("planned", None)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def planned(*words: str) -> SweepPlan:
    request = read_argv(["-m", *words])
    return plan_sweep(request, folder=Path.cwd(), command=["brevetti-hydra", "-m", *words])


def lines(*words: str) -> list[str]:
    return [" ".join(trial.overrides) for trial in planned(*words).trials]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["job=one,two", "lr=1"], ["job=one lr=1", "job=two lr=1"]),
        (
            ["job=one", "p=zip(lr=[1,2],optim.beta=[0.1,0.2])"],
            ["job=one lr=1 optim.beta=0.1", "job=one lr=2 optim.beta=0.2"],
        ),
        (
            ["job=one", "lr=1,2", "epochs=3,4", "sweep.zip=[[lr,epochs]]"],
            ["job=one lr=1 epochs=3", "job=one lr=2 epochs=4"],
        ),
        (
            ["job=one", "sweep.file=points.txt"],
            ["job=one lr=1 label=a b", "job=one lr=2 optim.kind=sgd"],
        ),
        (
            ["job=one", "lr=1,2", "sweep.repeat=2"],
            ["job=one lr=1", "job=one lr=1 run.seed=1", "job=one lr=2", "job=one lr=2 run.seed=1"],
        ),
        (["job=one", "+experiment=a,b"], ["job=one +experiment=a", "job=one +experiment=b"]),
        (["job=one", "experiment=glob([a,b])"], ["job=one experiment=a", "job=one experiment=b"]),
        (
            ["job=one", "hydra.sweeper.params.lr=1,2", "hydra.sweeper.params.epochs=7"],
            ["lr=1 epochs=7 job=one", "lr=2 epochs=7 job=one"],
        ),
        (["job=one", "launcher=inline", "sweep.retries=1"], ["job=one"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_trial_has_the_line_of_a_single_run(
    words: list[str], expected: list[str], project: Path
) -> None:
    """Each way to let something vary gives lines that run each trial alone."""
    assert expected == lines(*words)


def test_params_in_yaml_lie_beneath_the_line(project: Path) -> None:
    """`hydra.sweeper.params` of a file varies what the line does not say."""
    (project / "conf" / "job" / "one.yaml").write_text(
        FILES["conf/job/one.yaml"]
        + 'hydra: {sweeper: {params: {lr: "1,2", optim.beta: "0.1,0.2"}}}\n',
        encoding="utf-8",
    )

    expected = ["optim.beta=0.1 job=one lr=5", "optim.beta=0.2 job=one lr=5"]
    assert expected == lines("job=one", "lr=5")


SWEEPS = [
    ["job=one,two", "lr=0.5,1e-2", "epochs=1,2"],
    ["job=two", "optim.kind=adam,sgd", "lr=1,2", "run.seed=7,8"],
    ["job=one", "+experiment=a,b", "label=a,${optim.kind}", "weights.x=1,2"],
    ["job=one", "sweep.file=points.txt", "epochs=1,2", "sweep.repeat=2"],
    ["job=one", "lr=1,2", "token=${oc.env:PLAN_TOKEN}", "label=1.10,007"],
]


@pytest.mark.parametrize("words", SWEEPS, ids=" ".join)
def test_a_trial_is_what_a_single_run_of_its_line_is(
    words: list[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its frozen base and values a worker makes what composing the line anew gives."""
    monkeypatch.setenv("PLAN_TOKEN", "hunter2-hunter2")
    sweep = write_sweep(planned(*words))
    for trial in sweep.trials:
        frozen = sweep.frozen(trial.base)
        request = read_argv([])._replace(arguments=read_overrides(trial.overrides))
        alone = compose(request, folder=project, base=Job)
        expected = validate(alone)
        recorded = with_values(frozen.inputs, trial)
        made = compose_recorded(recorded, alone.job_class, alone.target, project, is_to_run=True)
        actual = validate(made)

        assert expected.settings == actual.settings
        assert (expected.job, expected.run) == (actual.job, actual.run)
        assert expected.settings_json == actual.settings_json
        assert recorded_tree(alone) == recorded_tree(made)
        places = {key: [_place(each) for each in found] for key, found in alone.origins().items()}
        assert places == {k: [_place(e) for e in found] for k, found in recorded.origins.items()}
    assert b"hunter2" not in b"".join(p.read_bytes() for p in sweep.folder.root.rglob("*.json*"))


def _place(label: str) -> str:
    """Leave out how the argument's place is called: a line has other numbers than a list."""
    kinds = ("argument ", "override ", "sweep.repeat", "points.txt")
    return label.partition(": ")[2] if label.startswith(kinds) else label


def test_what_differs_in_values_alone_shares_a_frozen_configuration(project: Path) -> None:
    """A base for each job and variant of a union; trials hold their own values."""
    plan = planned("job=one,two", "optim.kind=adam,sgd", "lr=1,2,3", "epochs=1,2")

    assert (24, 4) == (len(plan.trials), len(plan.bases))
    assert {"lr", "optim.kind", "job", "epochs"} == set(plan.trials[0].varied)


def test_keys_name_job_settings_and_repeat(project: Path) -> None:
    """Seeds do not count: the same point has the same key in any sweep, repeats have others."""
    plan = planned("job=one", "lr=1,2", "run.seed=1,2")
    again = planned("job=one", "epochs=5", "lr=2", "run.seed=9")

    assert [0, 1, 0, 1] == [trial.repeat for trial in plan.trials]
    assert 4 == len({trial.key for trial in plan.trials})
    assert plan.trials[2].key == again.trials[0].key


def test_jobs_with_other_objectives_are_compared_by_none(project: Path) -> None:
    """A sweep over jobs has an objective only if they share it, or if the line names it."""
    found = [
        [each.name for each in planned(*line).record.objectives]
        for line in (["job=one"], ["job=one,two"], ["job=one,two", "sweep.objective=score"])
    ]

    assert [["loss"], [], ["score"]] == found


def test_points_that_are_the_same_run_once(project: Path) -> None:
    """What is there already is left out and told, however it is written."""
    plan = planned("job=one", "lr=1,1.0,2", "epochs=5,6")

    assert [(1.0, 5), (1.0, 6), (2.0, 5), (2.0, 6)] == [
        (float(trial.varied["lr"]), trial.varied["epochs"]) for trial in plan.trials
    ]
    expected = (
        "2 points of the sweep left out, being the same as others: "
        "lr=1.0 epochs=5 (as trial 0), lr=1.0 epochs=6 (as trial 1)"
    )
    assert (expected,) == plan.notices


def test_a_plan_is_read_as_it_was_written(project: Path) -> None:
    """Each line of the plan holds one trial."""
    sweep = write_sweep(planned("job=one", "lr=1,2", "label=a,b"))

    read = [PlannedTrial.of_line(line) for line in sweep.folder.plan.read_bytes().splitlines()]

    assert [json.loads(trial.line()) for trial in sweep.trials] == [r._asdict() for r in read]


def test_secrets_of_the_line_are_handed_on_and_written_nowhere(project: Path) -> None:
    """What all trials share may be a secret; the plan names it, and no file holds it."""
    plan = planned("job=one", "lr=1,2", "token=hunter2-hunter2", "sweep.repeat=2")
    sweep = write_sweep(plan)

    assert ["token=hunter2-hunter2"] == [argument.text for argument in plan.secrets]
    assert 4 == len(sweep.trials)
    files = [path.read_bytes() for path in sweep.folder.root.rglob("*") if path.is_file()]
    assert b"hunter2" not in b"".join(files)


WRONG: dict[str, list[str]] = {
    "trials": ["job=one,two", "lr=1,-1", "epochs=1,x", "epocs=3"],
    "options": ["job=one,on", "+experiment=a,c"],
    "nodes": ["job=one", "sweep.repeat=0", "launcher.kind=clowd", "search.trial=3", "lr=1,0"],
    "secrets": ["job=one", "lr=1,2", "token=hunter2-hunter2,hunter2-other2"],
    "directions": ["job=one", "sweep.direction=[minimize,maximize]"],
    "file_missing": ["job=one", "sweep.file=nothing.txt"],
    "file_wrong": ["job=one", "sweep.file=wrong.txt"],
    "file_and_line": ["job=one", "sweep.file=points.txt", "lr=1,2"],
    "zip_unknown": ["job=one", "lr=1,2", "sweep.zip=[[lr,epoch]]"],
    "variants": ["job=one", "optim.kind=adam,sgd", "optim.momentum=0.1,0.5"],
    "no_job": ["lr=1,2"],
    "mode": ["job=one", "hydra.mode=RUN", "lr=1,2"],
}


def test_all_mistakes_of_all_trials_are_told_and_nothing_is_written(
    project: Path, golden: Callable[[str, str], None]
) -> None:
    """Each mistake is told once, with its place and the trials that it is of."""
    (project / "wrong.txt").write_text("lr=1,2\nlr\nsweep.retries=2\nlabel='\n", encoding="utf-8")
    reports = []
    for name, words in WRONG.items():
        with pytest.raises(BrevettiHydraError) as caught:
            planned(*words)
        reports.append(f"{name}: {' '.join(words)}\n{caught.value}")

    text = "\n\n".join(reports) + "\n"
    golden("sweep/plan.txt", text.replace(str(Path(__file__).parents[3]), "REPOSITORY"))
    assert not (project / "runs").exists()
    assert "hunter2" not in text.replace("token=hunter2-hunter2,hunter2-other2\n", "")


def test_a_dry_run_shows_the_trials(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`--dry-run` prints a table of what varies, and writes nothing."""
    code = main(["-m", "--dry-run", "job=one", "lr=1,2", "label=a,b", "sweep.repeat=2"])

    expected = [
        "  trial  lr  label  run.seed",
        *(f"  {n}      {1 + n // 4}   {'ab'[n // 2 % 2]}      {n % 2}" for n in range(8)),
        "8 trials, to minimize loss: all are valid; nothing was run",
    ]
    assert (0, expected) == (code, capfd.readouterr().out.splitlines())
    assert not (project / "runs").exists()


def test_what_is_asked_of_a_sweep_s_line_is_told_of_its_first_point(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`--cfg` and `explain` show the first point, with the nodes of the sweep."""
    line = ["-m", "job=one", "lr=2,3", "sweep.repeat=4"]

    codes = [main([*line, "--cfg", "job", "-p", "lr"]), main(["explain", *line, "sweep.repeat"])]

    expected = ["# @package lr", "2", "sweep.repeat = 4  int (>= 1)  "]
    found = capfd.readouterr().out.splitlines()
    assert ([0, 0], expected) == (codes, [*found[:2], found[2][: len(expected[2])]])
