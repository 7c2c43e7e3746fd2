"""What `--help`, `--cfg` and `--info` say about a configuration."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from brevetti_hydra.config.describe import cfg_text, describe_settings, info_text, settings_text
from brevetti_hydra.errors import UsageError


def lines(composition: Any) -> dict[str, tuple[str, str, object, object]]:
    return {
        line.key: (line.type, line.bounds, line.default, line.value)
        for line in describe_settings(composition)
    }


def test_every_setting_is_described(project: Any) -> None:
    """Type, bounds, default and value of each leaf, of the chosen variants only."""
    found = lines(project.compose("epochs=3", "optim.kind=sgd", "weights.a=1", settings="Demo"))

    assert ("int", "> 0", 10, 3) == found["epochs"]
    assert ("'fast' | 'slow'", "", "fast", "fast") == found["mode"]
    assert ("int", "> 0", 64, 64) == found["model.hidden"]
    assert ("float", "> 0", 0.1) == found["optim.lr"][:3]
    assert "optim.beta1" not in found
    assert "'adam' | 'sgd'" == found["optim.kind"][0]
    assert ("dict[str, float]", "", {}, {"a": 1}) == found["weights"]
    assert "Path | null" == found["folder"][0]
    assert {"image.size_px", "split.devel", "plain.inner.crop"} <= set(found)


def test_required_settings_are_called_so(project: Any) -> None:
    """What has no default and no value yet says `required`."""
    text = settings_text(describe_settings(project.compose(settings="Required")))

    assert "data" in text
    assert 2 == text.count("required")


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_a_table_fits_its_width(width: int, project: Any) -> None:
    """Descriptions are wrapped; only what cannot be broken may stand out."""
    text = settings_text(describe_settings(project.compose(settings="Demo")), width)

    described = [line for line in text.splitlines() if "passes over" in line]
    assert described
    assert "units of the" in text


def test_the_printed_configuration_is_yaml_that_composes_to_itself(project: Any) -> None:
    """`--cfg job` written into a primary config gives the same settings."""
    argv = ("epochs=3", "optim.kind=sgd", "weights.a=1", "version='1.10'", "--label=${x}")
    first = project.compose(*argv, settings="Demo")
    text = cfg_text(first, resolved=False, package=None)
    settings = project.settings("Demo", *argv)

    project.write({"conf/brevetti.yaml": text})

    assert settings == project.settings("Demo")


def test_interpolations_are_printed_resolved_on_demand(project: Any) -> None:
    """`--resolve` shows values, without it the references stand there."""
    composition = project.compose("label=${mode}", "nodes.a=${model}", settings="Demo")

    plain = yaml.safe_load(cfg_text(composition, resolved=False, package=None))
    resolved = yaml.safe_load(cfg_text(composition, resolved=True, package=None))

    assert ("${mode}", {"a": "${model}"}) == (plain["label"], plain["nodes"])
    assert ("fast", {"a": {"hidden": 64, "depth": 2}}) == (resolved["label"], resolved["nodes"])


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("model", "# @package model\nhidden: 64\ndepth: 2"),
        ("model.depth", "# @package model.depth\n2"),
        ("layers", "# @package layers\n- 1\n- 2"),
    ],
)
def test_one_package_is_printed_with_its_header(package: str, expected: str, project: Any) -> None:
    """`-p NODE` prints that node, as an option file would hold it."""
    assert expected == cfg_text(project.compose(settings="Demo"), resolved=False, package=package)


@pytest.mark.parametrize("package", ["nothere", "model.nothere", "epochs.x", "model..depth"])
def test_an_unknown_package_is_a_usage_error(package: str, project: Any) -> None:
    """A node that is not there is said to be not there."""
    with pytest.raises(UsageError):
        cfg_text(project.compose(settings="Demo"), resolved=False, package=package)


def test_the_files_that_take_part_are_listed(project: Any) -> None:
    """`--info` names files in order with packages, options and the job."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults: [g: a, _self_]\n",
            "conf/g/a.yaml": "# @package _global_\n",
        }
    )

    text = info_text(project.compose(settings="Demo"))

    assert text.index("conf/g/a.yaml  (package _global_)") < text.index("conf/brevetti.yaml")
    assert "g=a" in text
    assert str(project.folder) in text
