"""Secrets: no error, record, help or composed tree shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config import read_overrides, secret_texts, validate
from brevetti_hydra.config.describe import cfg_text, describe_further, describe_settings
from brevetti_hydra.config.recorded import compose_recorded, recorded_tree
from brevetti_hydra.config.safety.masks import literal_words, masked_argument
from brevetti_hydra.config.secrets import source_text
from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors
from brevetti_hydra.record import Snapshot

if TYPE_CHECKING:
    from brevetti_hydra.config import Composition

YAML = """
token: canary-1
names: {a: canary-2}
items: [canary-3, "x ${oc.env:CANARY}"]
deep: {d: [canary-4]}
label: "holds ${token}"
"""
WAYS = {
    "yaml": ([], YAML),
    "overrides": (
        ["token=canary-1", "names.a=canary-2", "items=[canary-3]", "deep.d=[canary-4]"],
        "",
    ),
    "literals": (
        [
            "--token",
            "canary-1",
            "--names.a=canary-2",
            "--items",
            '["canary-3"]',
            "--any_of=canary-5",
        ],
        "",
    ),
    "replaced": (["token=canary-6", "names.a=canary-7"], YAML),
}


def written(composition: Composition) -> str:
    """Everything that is written or printed of a composition."""
    validated = validate(composition)
    return "\n".join(
        [
            repr(recorded_tree(composition)),
            repr(validated.settings_json),
            repr(describe_settings(composition)),
            cfg_text(composition, resolved=False, package=None),
            cfg_text(composition, resolved=True, package=None),
            repr(describe_further(composition)),
        ]
    )


@pytest.mark.parametrize("way", WAYS)
def test_no_written_form_shows_a_secret(
    way: str, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In mappings, lists, unions and what refers to them, secrets are masked or left unresolved."""
    monkeypatch.setenv("CANARY", "canary-env")
    argv, text = WAYS[way]
    project.write({"conf/brevetti.yaml": text})

    assert "canary" not in written(project.compose(*argv, settings="Hidden"))


def test_the_settings_themselves_hold_them(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job gets what was given."""
    monkeypatch.setenv("CANARY", "canary-env")
    project.write({"conf/brevetti.yaml": YAML})

    settings: Any = project.validate(settings="Hidden").settings

    assert "canary-1" == settings.token.get_secret_value()
    assert ["canary-3", "x canary-env"] == [item.get_secret_value() for item in settings.items]
    assert "holds canary-1" == settings.label


def test_all_secrets_are_named_to_whoever_masks_output(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written and resolved texts, in containers too, and those that a later layer replaced."""
    monkeypatch.setenv("CANARY", "canary-env")
    project.write({"conf/brevetti.yaml": YAML})

    found = set(secret_texts(project.compose("token=canary-6", settings="Hidden")))

    expected = {f"canary-{number}" for number in (1, 2, 3, 4, 6)} | {"x canary-env"}
    assert expected <= found


def test_what_comes_from_the_environment_is_recorded_as_such(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`${oc.env:X}` stays in records, through several hops, also where a secret is made of it."""
    monkeypatch.setenv("CANARY", "canary-env")
    project.write(
        {
            "conf/brevetti.yaml": "token: ${oc.env:CANARY}\nlabel: a-${names.b}\nnames: {b: '${token}'}\n"
        }
    )

    composition = project.compose(settings="Hidden")
    tree, plain = recorded_tree(composition), validate(composition).settings_json

    for found in (tree, plain):
        assert "${oc.env:CANARY}" == found["token"]
        assert "a-${names.b}" == found["label"]
        assert {"b": "${token}"} == found["names"]


def test_a_record_composes_again(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a record alone the environment is read anew, and masked secrets have to be given."""
    monkeypatch.setenv("CANARY", "canary-env")
    project.write({"conf/brevetti.yaml": "token: ${oc.env:CANARY}\nitems: [canary-3]\nlabel: $x\n"})
    first = project.compose("--label=${no} reference", settings="Hidden")
    snapshot = Snapshot(
        config=recorded_tree(first), origins=first.origins(), choices={}, environment={}
    )
    monkeypatch.setenv("CANARY", "canary-new")

    def again(*given: str) -> Any:
        composition = compose_recorded(
            snapshot,
            first.job_class,
            "m:J",
            project.folder,
            given=read_overrides(given),
            is_to_run=True,
        )
        return validate(composition).settings

    settings = again("items=[canary-4]")
    assert "canary-new" == settings.token.get_secret_value()
    assert ["canary-4"] == [item.get_secret_value() for item in settings.items]
    assert "${no} reference" == settings.label
    with pytest.raises(ConfigErrors, match="items"):
        again()


@pytest.mark.parametrize(
    "argv",
    [
        ["token=[canary-1]"],
        ["token=canary-1,canary-2"],
        ["token=[canary-1"],
        ["items=[[canary-1]]"],
        ["items=[canary-1"],
        ["items=canary-1"],
        ["names.a=[canary-1]"],
        ["names=canary-1"],
        ["deep.d=[{a: canary-1}]"],
        ["any_of=[canary-1]"],
        ["token=canary-1", "label=[${token}]"],
        ["--token", '{"canary-1": 1}', "--items", '[["canary-1"]]'],
        ["--items", "canary-1"],
        ["token='canary-1'", "~token=x"],
        ["platform.api_key=canary-1"],
        ["run.secret=canary-1"],
        ["toke=canary-1"],
    ],
)
def test_no_error_shows_a_secret(argv: list[str], project: Any) -> None:
    """Neither message, place, note, hint, document nor exception holds what was given."""
    project.write({"conf/brevetti.yaml": "token: canary-y1\nitems: [canary-y2]\n"})
    try:
        validate(project.compose(*argv, settings="Hidden"))
    except BrevettiHydraError as error:
        text = f"{error} {error.as_json()} {error.args} {error!r}"
        # A key that no field knows cannot be a secret by its type; its look has to tell.
        known = text.replace("toke=canary-1", "") if argv == ["toke=canary-1"] else text
        assert "canary" not in known


@pytest.mark.parametrize(
    "text", ["token: [canary-1]\n", "names: {a: [canary-1]}\n", "items:\n- {canary-1: 2}\n"]
)
def test_the_line_of_a_file_is_shown_without_its_secret(text: str, project: Any) -> None:
    """The excerpt under a place is masked as well."""
    project.write({"conf/brevetti.yaml": text})

    shown = project.error(settings="Hidden")

    assert "canary" not in shown
    assert "conf/brevetti.yaml:" in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api_key=x", "api_key=**********"),
        ("platform.token=x y", "platform.token=**********"),
        ("--my_password=x", "--my_password=**********"),
        ("--my_password x=y", "--my_password **********"),
        ("--api-key x", "--api-key **********"),
        ("label=token", "label=token"),
        ("--label token", "--label token"),
        ("--token ${oc.env:X}", "--token ${oc.env:X}"),
        ("auth={api_key: x}", "auth={api_key: **********"),
        ("d=s3://me:pw@host/x", "d=s3://**********@host/x"),
        ("~token", "~token"),
    ],
)
def test_arguments_are_masked_by_their_keys_look(text: str, expected: str) -> None:
    """What is called a key, token, secret or password is masked, whatever its type."""
    assert expected == masked_argument(text)


def test_an_error_shows_the_text_behind_the_environment(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes from the environment is shown as it was written, at any distance."""
    monkeypatch.setenv("CANARY", "canary-env")
    project.write({"conf/brevetti.yaml": "label: ${oc.env:CANARY}\nepochs: ${oc.select:label}\n"})

    shown = project.error(settings="Demo")

    assert (
        "'epochs' must be an integer, but is '${oc.select:label}' (from the environment)" in shown
    )
    assert "canary" not in shown


def test_types_know_better_than_names(project: Any) -> None:
    """A known setting that is no secret is recorded, whatever it is called; others by their look."""
    words = ["label=b", "weights.tokenizer=2", "token=abc", "weights={token_ids: 1}"]

    composition = project.compose(*words, settings="Demo")

    expected = ["label=b", "weights.tokenizer=2", "token=**********"]
    assert expected == [argument.shown for argument in composition.arguments][:3]
    assert ["argument 3: token=**********"] == composition.origins()["token"][:1]


def test_a_copy_of_yaml_masks_values_by_their_place(project: Any) -> None:
    """Of whatever form and length a secret is; the rest of the file stays as it is."""
    text = (
        'label: "ä"  # a\ntoken: abc\nitems:\n- "d\\x65f"\n- ${oc.env:HOME}\nnames: {a: &x ghi}\n'
    )
    project.write({"conf/brevetti.yaml": text})

    composition = project.compose("~token", settings="Hidden")

    (document,) = [d for d in composition.documents if d.label == "conf/brevetti.yaml"]
    expected = (
        'label: "ä"  # a\ntoken: "**********"\nitems:\n- "**********"\n- ${oc.env:HOME}\n'
        'names: {a: "**********"}\n'
    )
    assert expected == source_text(document, composition)


def test_help_shows_no_secret_in_other_settings(project: Any) -> None:
    """A secret that stands in a plain setting as well is masked there too."""
    argv = ("token=canary-1", "label=canary-1", "names={canary-1: canary-2}")
    composition = project.compose(*argv, settings="Hidden")

    assert "canary" not in repr(describe_settings(composition))


def test_a_job_is_not_called_as_a_secret(project: Any) -> None:
    """The name of a job becomes that of a folder, and stands in its record."""
    composition = project.compose("token=canary-1", "job.name=x canary-1", settings="Hidden")

    assert "x **********" == composition.job_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${oc.env:KEY,hunter2}", ["hunter2"]),
        ("${oc.decode:hunter2}", ["hunter2"]),
        ("a${lr}b", ["a", "b"]),
        ("${oc.env:KEY}${oc.select:model.lr}${model.lr}", []),
        ("{a: hunter2}", ["a", "hunter2"]),
    ],
)
def test_the_words_of_a_text_are_told_from_its_references(text: str, expected: list[str]) -> None:
    """Names of variables, keys and resolvers are no part of a value."""
    assert expected == literal_words(text)
