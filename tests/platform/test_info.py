"""Reading info.json."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    ConfigSyntaxError,
    InvalidSettingError,
    MissingSettingError,
)
from brevetti_hydra.platform.info import parse_info


def as_json(**values: Any) -> bytes:
    return json.dumps(values).encode()


def test_reads_what_the_platform_writes() -> None:
    """Known keys are kept as they stand, unknown ones are left out."""
    info = {
        "name": "training",
        "settings": {"lr": "0.1", "classes": '["a"]', "empty": ""},
        "id": "4f1c9a12-0000-4000-8000-0123456789ab",
        "api_key": "K",
        "complete_url": "/api/models/1/complete?key=K&modelPath=",
        "datasets": [{"id": "d", "name": "digits", "bucket": "s3://b/d"}],
        "models": [{"id": "m", "bucket": "s3://b/m"}],
        "tags": [{"name": "t", "id": "1", "parentId": None}],
        "parent": {"anything": [1]},
    }

    assert info == parse_info(as_json(**info, somethingNew=1))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_names_a_file_that_is_no_json(content: bytes) -> None:
    """What is no JSON is an error with the file's name and place."""
    with pytest.raises(ConfigSyntaxError) as caught:
        parse_info(content, label="given/info.json")

    assert "'given/info.json' is no JSON" == caught.value.message


def test_wants_an_object() -> None:
    """A list is no description of a job."""
    with pytest.raises(ConfigSyntaxError) as caught:
        parse_info(b"[1]")

    assert "'info.json' must hold a JSON object, but holds a list" == caught.value.message


def test_names_a_missing_key() -> None:
    """A required key that is missing is named."""
    with pytest.raises(MissingSettingError) as caught:
        parse_info(as_json(name="a"))

    assert "'info.json' has no 'settings'" == caught.value.message


def test_names_a_wrong_type() -> None:
    """A value of a wrong type is named by its key."""
    with pytest.raises(InvalidSettingError) as caught:
        parse_info(as_json(name="a", settings=[1]))

    assert "'settings' of 'info.json' is of a wrong type" == caught.value.message


def test_reports_all_mistakes_without_values() -> None:
    """All mistakes come in one report, and none of them shows the api key."""
    with pytest.raises(ConfigErrors) as caught:
        parse_info(as_json(settings=1, api_key=["CANARY"], datasets=[{"id": "d"}]))

    assert (4, False) == (len(caught.value.errors), "CANARY" in str(caught.value))


@given(st.binary(max_size=200))
def test_never_crashes(content: bytes) -> None:
    """Whatever the bytes are, the answer is a dictionary or an error of ours."""
    try:
        found = parse_info(content)
    except BrevettiHydraError:
        return
    assert {"name", "settings"} <= set(found)
