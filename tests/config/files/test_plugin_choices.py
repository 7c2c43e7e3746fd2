"""`override hydra/launcher` in defaults lists: taken for content, as Hydra's users write it."""

from __future__ import annotations

from typing import Any

import pytest

PRIMARY = """
defaults:
  - _self_
  - override hydra/launcher: joblib
hydra:
  launcher:
    n_jobs: 2
"""
FAR = """# @package _global_
defaults:
  - override /hydra/launcher: submitit_local
"""


def chosen(composition: Any) -> Any:
    tree = composition.hydra.tree
    return None if tree is None else tree.plain().get("launcher")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], {"n_jobs": 2, "/": "joblib"}),
        (["hydra/launcher=ray"], {"n_jobs": 2, "/": "ray"}),
        (["hydra.launcher.n_jobs=3"], {"n_jobs": 3, "/": "joblib"}),
        (["~hydra/launcher"], {"n_jobs": 2}),
        (["+experiment=far"], {"n_jobs": 2, "/": "submitit_local"}),
        (["hydra/launcher=ray", "+experiment=far"], {"n_jobs": 2, "/": "ray"}),
    ],
)
def test_the_last_choice_counts(argv: list[str], expected: Any, project: Any) -> None:
    """The line wins over files, and a file that is laid over another one over that."""
    project.write({"conf/brevetti.yaml": PRIMARY, "conf/experiment/far.yaml": FAR})

    composition = project.compose(*argv, settings="Demo")

    assert [] == composition.problems
    assert expected == chosen(composition)


def test_a_choice_has_a_place_and_a_name(project: Any) -> None:
    """What has no effect on a single run is told by its entry and as it is written."""
    project.write({"conf/brevetti.yaml": PRIMARY.replace("launcher: joblib", "sweeper: optuna")})

    notices = project.compose(settings="Demo").notices

    assert "conf/brevetti.yaml:4:5: 'hydra.sweeper' is for sweeps" in "\n".join(notices)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("defaults: [override hydra/job_logging: none]\n", "error[composition-failed]"),
        ("defaults: [override hydra/launcher: [a, b]]\n", "error[composition-failed]"),
        ("defaults: [override hydra/launcher: a]\nhydra: 3\n", "error[refused-hydra-key]: 'hydra'"),
    ],
)
def test_nothing_else_of_hydra_is_chosen_so(text: str, expected: str, project: Any) -> None:
    """Other groups of Hydra's stay what they were: there is no such choice."""
    project.write({"conf/brevetti.yaml": text})

    assert expected in project.error(settings="Demo")
