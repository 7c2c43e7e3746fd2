"""What `--help`, `--cfg` and `--info` say about a configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import Field as PydanticField

from brevetti_hydra import Field, JobSettings
from brevetti_hydra.config import read_argv
from brevetti_hydra.config.anatomy import describe_anatomy
from brevetti_hydra.config.describe import (
    cfg_text,
    describe_further,
    describe_settings,
    further_text,
    node_descriptions,
    settings_text,
)
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


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    beta: float = Field(0.9, ge=0, lt=1, description="decay of the mean")


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(0.0, description="share of the last step")


class Block(JobSettings):
    units: int = Field(4, ge=1, description="units of a block")
    optim: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] = Adam()


class Wide(JobSettings):
    """Places of every kind, each with a description."""

    optim: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] = Field(
        Adam(), description="how it learns"
    )
    block: Block = Field(Block(), description="the first block")
    spare: Block | None = Field(None, description="a block that may be missing")
    blocks: list[Block] = Field([], description="all blocks")
    named: dict[str, Block] = Field({}, description="blocks by name")
    either: Block | int = Field(3, description="a block, or how many")
    widths: list[Annotated[int, PydanticField(ge=1)]] = Field([1, 2], min_length=1)
    shares: dict[str, Annotated[float, PydanticField(ge=0)]] = Field({})
    word: Literal["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"] = "alpha"
    child: Wide | None = Field(None, description="one more of the kind")


def test_what_other_choices_bring_is_described(project: Any) -> None:
    """Variants that are not chosen, what may be missing, elements of lists and mappings."""
    composition = project.compose("optim.kind=sgd", settings=Wide)

    found = {each.when: [s.key for s in each.settings] for each in describe_further(composition)}

    assert ["optim.beta"] == found["optim.kind=adam"]
    assert ["block.optim.momentum"] == found["block.optim.kind=sgd"]
    assert "optim.kind=sgd" not in found
    assert ["spare.units", "spare.optim"] == found["spare={...}"]
    assert ["units", "optim"] == found["blocks=[{...}]"]
    assert ["named.NAME.units", "named.NAME.optim"] == found["named.NAME={...}"]
    assert ["either.units", "either.optim"] == found["either={...}"]
    assert "child.widths" in found["child={...}"]


def test_bounds_of_elements_are_described(project: Any) -> None:
    """What each element of a list or mapping has to be stands beside the bounds of the whole."""
    found = lines(project.compose(settings=Wide))

    assert ("list[int]", "at least 1 long, each >= 1") == found["widths"][:2]
    assert ("dict[str, float]", "each >= 0") == found["shares"][:2]


@pytest.mark.parametrize("width", [30, 50, 80, 110, 200])
def test_every_width_shows_everything(width: int, project: Any) -> None:
    """Name, type, value, bounds and description of each setting stand there, however narrow."""
    composition = project.compose("block.units=9", settings=Wide)
    settings, further = describe_settings(composition), describe_further(composition)

    text = settings_text(settings, width, node_descriptions(composition))
    text += "\n" + further_text(further, width)

    flat = " ".join(text.split())
    for line in settings:
        for part in (line.key, line.bounds, line.description):
            assert part in flat
    for word in ("the first block", "how it learns", "9 (default 4)", "'epsilon' | 'zeta'"):
        assert word in flat
    for each in further:
        assert each.when in flat


@pytest.fixture
def anatomy(project: Any) -> Any:
    """Describe what `--info` asks for of a project with a nested defaults list."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults: [g: a, h@here: b, _self_]\nepochs: 3\n",
            "conf/g/a.yaml": "# @package _global_\ndefaults: [/h@there: b]\n",
            "conf/h/b.yaml": "x: 1\n",
        }
    )

    def describe(*argv: str) -> Any:
        request = read_argv(argv)
        composed = lambda: project.compose(*argv, settings="Demo")  # noqa: E731
        return describe_anatomy(request, project.folder, composed)

    return describe


def test_info_shows_the_final_defaults_list(anatomy: Any) -> None:
    """`--info defaults`: config, package, parent and is_self of each row, in order."""
    rows = [tuple(row.values()) for row in anatomy("--info", "defaults").defaults]

    assert [
        ("h/b", "there", "g/a", False, "conf/h/b.yaml"),
        ("g/a", "_global_", "brevetti", True, "conf/g/a.yaml"),
        ("h/b", "here", "brevetti", False, "conf/h/b.yaml"),
        ("brevetti", "_global_", None, True, "conf/brevetti.yaml"),
    ] == [(*row[:4], row[4].rpartition("project/")[2]) for row in rows]


def test_info_shows_the_tree_of_defaults(anatomy: Any) -> None:
    """`--info defaults-tree`: who names whom, by indents."""
    assert (
        "  brevetti:\n    g: a:\n      h@there: b\n      _self_\n    h@here: b\n    _self_"
    ) == anatomy("--info", "defaults-tree").text


def test_info_shows_the_search_path(anatomy: Any, project: Any) -> None:
    """`--info searchpath`: who adds which folder, and the shipped one last."""
    found = anatomy("--info", "searchpath").searchpath

    assert ["the project", "brevetti_hydra"] == [row["provider"] for row in found]
    assert str(project.folder / "conf") == found[0]["path"]


def test_info_composes_only_what_is_asked_for(anatomy: Any) -> None:
    """A part that is not asked for is not made: a wrong configuration can be looked into."""
    found = anatomy("--info", "defaults", "epochs=[1")

    assert found.config is found.plugins is found.composition is None


def test_info_config_is_the_composed_tree(project: Any) -> None:
    """`--info config` is what `--cfg job` prints."""
    composition = project.compose("epochs=7", settings="Demo")
    request = read_argv(["--info", "config", "epochs=7"])

    found = describe_anatomy(request, project.folder, lambda: composition)

    assert cfg_text(composition, resolved=False, package=None) == found.text
    assert 7 == (found.config or {})["epochs"]
