"""Planning a search: its space from the axes, what is refused before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config import read_argv
from brevetti_hydra.errors import BrevettiHydraError
from brevetti_hydra.sweep.planning.plan import SweepPlan, plan_sweep, write_sweep
from brevetti_hydra.sweep.search.base import Point
from brevetti_hydra.sweep.search.points import PointPlanner
from brevetti_hydra.sweep.search.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def plan(project: Path, *words: str) -> SweepPlan:
    line = ["-m", "job=train:Train", "search=optuna", "search.trials=5", *words]
    return plan_sweep(read_argv(line), folder=project, command=line)


@pytest.mark.parametrize(
    ("axis", "described"),
    [
        (
            "lr=tag(log,interval(1e-4,1))",
            {"kind": "float", "low": 1e-4, "high": 1.0, "log": True},
        ),
        ("lr=range(0.1,0.5,0.1)", {"kind": "float", "low": 0.1, "high": 0.4, "step": 0.1}),
        ("epochs=interval(2,9)", {"kind": "int", "low": 2.0, "high": 9.0}),
        ("epochs=int(range(2.0,9,3))", {"kind": "int", "low": 2.0, "high": 8.0, "step": 3.0}),
        ("epochs=range(2,9,3)", {"kind": "int", "low": 2.0, "high": 8.0, "step": 3.0}),
        ("lr=int(interval(1,8))", {"kind": "int", "low": 1.0, "high": 8.0}),
        ("epochs=tag(log,range(1,65))", {"kind": "int", "low": 1.0, "high": 64.0, "log": True}),
        ("optimizer=adam,sgd,adam", {"kind": "choice", "choices": ["adam", "sgd"]}),
        ("lr=choice(1,1.0)", {"kind": "choice", "choices": ["1", "1.0"]}),
    ],
)
def test_an_axis_becomes_what_it_may_be(
    project: Path, axis: str, described: dict[str, Any]
) -> None:
    """Choices keep their spelling, ranges their steps; an integer setting takes integers."""
    assert {axis.partition("=")[0]: described} == plan(project, axis).record.space


def test_an_axis_of_a_variant_counts_only_under_it(project: Path) -> None:
    """Settings of one variant of a union are chosen only where it is; each has a frozen tree."""
    found = plan(
        project,
        *("model.depth=range(1,4)", "model.kind=cnn,mlp", "model.width=interval(8,64)", "lr=1,2"),
    )

    conditions = {
        key: axis.get("conditions") for key, axis in found.record.space.items() if len(axis) > 1
    }
    assert [{"key": "model.kind", "values": ["cnn"]}] == conditions["model.depth"]
    assert [{"key": "model.kind", "values": ["mlp"]}] == conditions["model.width"]
    assert conditions["lr"] is None
    assert [{"model.kind": "cnn"}, {"model.kind": "mlp"}] == [
        stem.chosen for stem in found.record.stems
    ]


def test_a_union_in_a_variant_counts_only_under_it(project: Path) -> None:
    """What decides may itself belong to a variant; the order of the line does not matter."""
    source = project / "train.py"
    text = source.read_text(encoding="utf-8")
    nested = (
        'class Flat(JobSettings):\n    name: Literal["flat"] = "flat"\n\n\n'
        'class Steps(JobSettings):\n    name: Literal["steps"] = "steps"\n    every: int = 3\n\n\n'
        "class Cnn(JobSettings):\n"
        '    plan: Annotated[Flat | Steps, Field(discriminator="name")] = Flat()\n'
    )
    source.write_text(text.replace("class Cnn(JobSettings):\n", nested), encoding="utf-8")

    found = plan(
        project,
        *("model.plan.every=range(1,4)", "model.plan.name=flat,steps"),
        *("model.kind=mlp,cnn", "model.width=8,16", "lr=1,2"),
    )

    is_cnn = {"key": "model.kind", "values": ["cnn"]}
    is_steps = {"key": "model.plan.name", "values": ["steps"]}
    assert {
        "model.kind": [],
        "model.plan.name": [is_cnn],
        "model.plan.every": [is_cnn, is_steps],
        "model.width": [{"key": "model.kind", "values": ["mlp"]}],
        "lr": [],
    } == {key: axis.get("conditions", []) for key, axis in found.record.space.items()}
    assert [
        {"model.kind": "mlp"},
        {"model.kind": "cnn", "model.plan.name": "flat"},
        {"model.kind": "cnn", "model.plan.name": "steps"},
    ] == [stem.chosen for stem in found.record.stems]


def test_a_tag_that_is_misspelled_is_told(project: Path) -> None:
    """A range that was meant to be logarithmic is not searched evenly."""
    with pytest.raises(BrevettiHydraError, match="cannot be searched over") as told:
        plan(project, "lr=tag(lgo,interval(0.1,1))")

    assert ("'lgo' is no tag that a search knows",) == tuple(told.value.notes)


def test_a_group_decides_for_a_frozen_tree(project: Path) -> None:
    """Options of a group are composed once each, and what they set decides which axes count."""
    folder = project / "conf" / "net"
    folder.mkdir(parents=True)
    head = "# @package model\n"
    (folder / "small.yaml").write_text(f"{head}kind: cnn\ndepth: 3\n", encoding="utf-8")
    (folder / "flat.yaml").write_text(f"{head}kind: mlp\n", encoding="utf-8")

    found = plan(project, "+net=glob(*)", "model.depth=1,2", "optimizer=adam,sgd")

    assert [{"net": "flat"}, {"net": "small"}] == [stem.chosen for stem in found.record.stems]
    assert ["small"] == found.record.space["model.depth"]["conditions"][0]["values"]


def test_a_point_becomes_a_trial_and_is_found_in_it(project: Path) -> None:
    """Each point of a space becomes a trial with its values, from which it can be read again."""
    sweep = write_sweep(
        plan(
            project,
            *("lr=tag(log,interval(1e-4,1))", "model.kind=cnn,mlp", "model.depth=range(1,4)"),
            *("pair=zip(optimizer=[adam,sgd],epochs=[2,3])", "search.sampler.name=random"),
        )
    )
    planner, space = PointPlanner(sweep), Space.of_json(sweep.record.space)
    values = {"lr": 0.25, "model.kind": "cnn", "model.depth": 3, "pair": "optimizer=sgd epochs=3"}

    point = Point(0, {key: values[key] for key in space.axes})
    trial = planner.plan(point)

    assert [
        *("job=train:Train", "lr=0.25", "model.kind=cnn", "model.depth=3"),
        *("optimizer=sgd", "epochs=3"),
    ] == trial.overrides
    assert {
        "lr": 0.25,
        "model.kind": "cnn",
        "model.depth": 3,
        "optimizer": "sgd",
        "epochs": "3",
    } == trial.varied
    assert [(["lr"], 0.25), (["model", "depth"], 3), (["optimizer"], "sgd"), (["epochs"], 3)] == [
        (path, value) for path, value, _ in trial.values
    ]
    assert point == planner.point_of(trial)
    assert planner.plan(point).key == trial.key


REFUSED = {
    "no_trials": ["search.trials=null", "lr=interval(0.1,1)"],
    "nothing_to_choose": ["lr=0.1"],
    "no_objective": ["sweep.objective=[]", "lr=interval(0.1,1)"],
    "repeated": ["sweep.repeat=3", "lr=interval(0.1,1)"],
    "several_pruned": [
        *("sweep.objective=[loss,size]", "search.pruner.name=median", "lr=interval(0.1,1)"),
    ],
    "several_cmaes": [
        *("sweep.objective=[loss,size]", "search.sampler.name=cmaes", "lr=interval(0.1,1)"),
    ],
    "endless_grid": ["search.sampler.name=grid", "lr=interval(0.1,1)"],
    "log_of_zero": ["lr=tag(log,interval(0,1))"],
    "log_with_steps": ["epochs=tag(log,range(1,9,2))"],
    "secret": ["token=abc,def"],
    "ends": ["lr=interval(-1,1)", "model.depth=range(0,11)", "nosuch=1,2"],
    "several_settings": ["low=2,3", "high=0,1"],
    "too_many_trees": ["model.kind=cnn,mlp", "run.note=range(0,2000)"],
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_search_that_finds_nothing_is_refused(
    project: Path, golden: Callable[[str, str], None], name: str
) -> None:
    """What a search cannot be is told before anything is written, and each mistake once."""
    with pytest.raises(BrevettiHydraError) as caught:
        plan(project, *REFUSED[name])

    golden(f"search/{name}.txt", f"{caught.value}\n")
    assert not (project / "runs").exists()


def test_points_refused_for_several_settings_together_are_no_mistake(project: Path) -> None:
    """Where `low` must be below `high`, corners of the space are invalid, and the search is not."""
    found = plan(project, "low=interval(0,1)", "high=interval(0,1)")

    assert 1 == len(found.bases)
