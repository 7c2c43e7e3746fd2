"""Interpolations: what they resolve to, what they say when they do not, and what is only data."""

from __future__ import annotations

from typing import Any

import pytest

from brevetti_hydra.config.recorded import recorded_tree


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("label: ${version}\n", "label", "1.0"),
        ("label: v${model.depth}-${mode}\n", "label", "v2-fast"),
        ("rate: ${model.depth}\n", "rate", 2.0),
        ("label: ${version}\nversion: ${mode}\nmode: slow\n", "label", "slow"),
        ("model: {hidden: '${.depth}', depth: 5}\n", "model", {"hidden": 5, "depth": 5}),
        (
            "plain: {inner: {size_px: '${...model.depth}'}}\n",
            "plain",
            {"title": "t", "inner": {"size_px": 2, "crop": False}},
        ),
        ("layers: ['${model.depth}', 7]\n", "layers", [2, 7]),
        ("layers: ${nums}\nweights: {a: 1}\nnodes: {}\n", "layers", None),
        ("boxes: ['${model}']\n", "boxes", [{"hidden": 64, "depth": 2}]),
        ("nodes: {a: '${model}'}\nmodel: {depth: 9}\n", "nodes", {"a": {"hidden": 64, "depth": 9}}),
        ("label: ${oc.env:MY_VARIABLE}\n", "label", "text"),
        ("label: ${oc.env:MY_OTHER,fall}\n", "label", "fall"),
        ("epochs: ${oc.decode:${oc.env:MY_NUMBER}}\n", "epochs", 3),
        ("epochs: ${oc.env:MY_NUMBER}\n", "epochs", 3),
        ("label: ${hydra:job.name}-${hydra:job.num}\n", "label", "my_job-0"),
        ("label: ${hydra:runtime.choices.g}\n", "label", "a"),
        ("label: \\${version}\n", "label", "${version}"),
        ("label: $version $ {x}\n", "label", "$version $ {x}"),
        ("label: ${run.seed}\n", "label", None),
        ("label: 's${run.seed}'\n", "label", "s0"),
    ],
)
def test_references_resolve(
    text: str, key: str, expected: object, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absolute and relative keys, several hops, mappings, the environment, Hydra's values."""
    monkeypatch.setenv("MY_VARIABLE", "text")
    monkeypatch.setenv("MY_NUMBER", "3")
    project.write(
        {"conf/brevetti.yaml": f"defaults:\n- g: a\n- _self_\n{text}", "conf/g/a.yaml": ""}
    )
    if expected is None:  # refused
        assert f"'{key}' " in project.error(settings="Demo")
    else:
        assert expected == project.settings("Demo")[key]


def test_a_line_that_refers_to_a_mapping_extends_it(project: Any) -> None:
    """`nodes.a: ${model}` laid under `nodes.a.depth=7` is a copy with that key changed."""
    project.write({"conf/brevetti.yaml": "nodes: {a: '${model}'}\nmodel: {hidden: 5}\n"})

    found = project.settings("Demo", "nodes.a.depth=7")

    assert {"a": {"hidden": 5, "depth": 7}} == found["nodes"]
    assert {"hidden": 5, "depth": 2} == found["model"]


def test_an_override_may_refer(project: Any) -> None:
    """`key=${other}` is an interpolation, `--key '${other}'` is text."""
    assert "fast" == project.settings("Demo", "label=${mode}")["label"]
    assert "${mode}" == project.settings("Demo", "--label", "${mode}")["label"]


@pytest.mark.parametrize(
    "sent", ["${oc.env:HOME}", "${version}", "${", "${nothere}", "\\${x}", "${oc.env:HOME"]
)
def test_what_a_platform_sends_is_never_resolved(sent: str, project: Any) -> None:
    """info.json is data: its texts arrive to the letter, and are recorded so that they stay it."""
    info = {"name": "x", "settings": {"label": sent, "weights": {}, "layers": [1]}}

    composition = project.compose("version=${mode}", settings="Demo", info=info)
    settings: Any = project.validate("version=${mode}", settings="Demo", info=info).settings

    assert (sent, "fast") == (settings.label, settings.version)
    assert recorded_tree(composition)["label"].replace("\\${", "${").endswith(sent[-3:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("label: ${nothere}\n", "there is no key 'nothere'"),
        ("label: ${model.hiden}\n", "a similar name exists: 'model.hidden'"),
        ("label: ${.nothere}\n", "there is no key 'nothere'"),
        ("label: ${oc.env:MY_UNSET}\n", "the environment variable 'MY_UNSET' is not set"),
        ("label: ${foo:1}\n", "there is no resolver 'foo'"),
        ("label: ${hydra:runtime.output_dir}\n", "of 'hydra:' there are 'job.name'"),
        ("label: ${label}\n", "it refers to itself"),
        ("label: ${version}\nversion: ${label}\n", "it refers to itself"),
        ("label: ${\n", "write \\${ where the text itself is meant"),
        ("label: ${}\n", "'label' does not resolve"),
        ("layers: [1, '${nothere}']\n", "'layers' does not resolve"),
        ("label: ${a.${b}}\n", "'label' does not resolve"),
        ("label: ${..x}\n", "'label' does not resolve"),
        ("label: ${oc.deprecated:nothere}\n", "'label' does not resolve"),
        ("label: ${oc.create:{a:1}}\n", "'label' must be text"),
        ("label: ${model}\n", "'label' must be text"),
        ("epochs: ${mode}\n", "'epochs' must be an integer"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_does_not_resolve_is_said_with_its_place(
    text: str, expected: str, project: Any
) -> None:
    """The reason stands in our words beside the line, and other mistakes beside it."""
    project.write({"conf/brevetti.yaml": text})

    shown = project.error("rate=x", settings="Demo")

    assert expected in shown
    assert "--> conf/brevetti.yaml:1:" in shown
    assert "'rate' must be a number" in shown


def test_only_what_is_broken_is_left_out(project: Any) -> None:
    """A text that is no interpolation does not hide what the others resolve to."""
    project.write({"conf/brevetti.yaml": "label: ${\nversion: ${mode}\n"})

    composition = project.compose(settings="Demo")

    assert {("version",): "fast"} == composition.resolution.values
    assert 1 == len(composition.problems)
