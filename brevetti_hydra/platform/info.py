"""info.json: a job's configuration as a platform writes it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from brevetti_hydra.errors import (
    ConfigErrors,
    ConfigSyntaxError,
    InvalidSettingError,
    MissingSettingError,
    OverBudgetError,
    Place,
)

__all__ = ["MOST_BYTES", "InfoDataset", "InfoModel", "InfoTag", "JobInfo", "parse_info"]

# A description is small; anything larger is another file.
MOST_BYTES = 4 << 20
_MOST_LEVELS, _MOST_VALUES = 64, 50_000
_KINDS = {type(None): "null", bool: "a truth value", list: "a list", str: "a text"}


class _Part(BaseModel):
    """A part of info.json; keys that we do not know are the platform's own matter."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="ignore", frozen=True, protected_namespaces=()
    )


class InfoTag(_Part):
    """A tag, with those below it."""

    name: str
    id: str | None = None
    parentId: str | None = None  # noqa: N815 - as the platform spells it
    created: str | None = None
    children: list[Any] | None = None


class InfoDataset(_Part):
    """A dataset of the job."""

    name: str
    id: str | None = None
    bucket: str | None = None
    created: str | None = None
    locked: bool | None = None
    reference: str | None = None
    notes: str | None = None
    tags: list[InfoTag] | None = None
    tagIds: list[str] | None = None  # noqa: N815 - as older platforms spell it


class InfoModel(_Part):
    """A parent model of a test report."""

    id: str
    bucket: str | None = None
    name: str | None = None


class JobInfo(_Part):
    """What info.json may say; `name` and `settings` are required."""

    name: str
    settings: dict[str, Any]
    id: str | None = None
    run_id: str | None = None
    api_key: str | None = None
    host_name: str | None = None
    complete_url: str | None = None
    remote_url: str | None = None
    charts_url: str | None = None
    base_model_url: str | None = None
    datasets: list[InfoDataset] | None = None
    models: list[InfoModel] | None = None
    parent: Any = None
    tags: list[InfoTag] | None = None
    model_path: str | None = None


def parse_info(content: bytes, *, label: str = "info.json") -> dict[str, Any]:
    """Read an info.json.

    Args:
        content: The file's bytes: JSON in UTF-8.
        label: How errors name the file.

    Returns:
        What it says, keys that are not in `JobInfo` left out. The settings are as they stand:
        their types are the job's matter. It may hold the api key.

    Raises:
        ConfigSyntaxError: It is no JSON object.
        OverBudgetError: It is larger, deeper or wider than any description of a job.
        MissingSettingError: A required key is missing.
        InvalidSettingError: A value is of another type.
        ConfigErrors: Several of these.
    """
    if len(content) > MOST_BYTES:
        raise _over(label, f"more than {MOST_BYTES:,} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _no_json(label, error) from error
    if not isinstance(found, dict):
        raise ConfigSyntaxError(
            f"'{label}' must hold a JSON object, but holds {_KINDS.get(type(found), 'a number')}",
            where=Place(label),
        )
    _check_size(found, label)
    try:
        info = JobInfo.model_validate(found)
    except ValidationError as error:
        # Not `from error`: its text holds the values, and one may be the api key.
        raise _translated(label, error) from None
    return info.model_dump(exclude_unset=True)


def _check_size(found: Any, label: str) -> None:
    """Refuse what would end the recursion of those who read it, or fill the memory."""
    level, count = [found], 0
    for _ in range(_MOST_LEVELS):
        count += len(level)
        if count > _MOST_VALUES:
            raise _over(label, f"more than {_MOST_VALUES:,} values")
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise _over(label, f"deeper than {_MOST_LEVELS} levels")


def _over(label: str, found: str) -> OverBudgetError:
    return OverBudgetError(
        f"'{label}' is over the budget of an info.json: {found}",
        where=Place(label),
        hint="large values belong into a file that the job reads",
    )


def _no_json(label: str, error: Exception) -> ConfigSyntaxError:
    line = getattr(error, "lineno", None)
    place = Place(label if line is None else f"{label}:{line}:{getattr(error, 'colno', 1)}")
    reason = getattr(error, "msg", None) or type(error).__name__
    return ConfigSyntaxError(f"'{label}' is no JSON", where=place, notes=[reason.lower()])


def _translated(label: str, error: ValidationError) -> ConfigErrors | MissingSettingError:
    errors = [_one(label, dict(mistake)) for mistake in error.errors(include_input=False)]
    single = errors[0]
    if len(errors) == 1 and isinstance(single, MissingSettingError | InvalidSettingError):
        raise single
    return ConfigErrors(errors)


def _one(label: str, mistake: dict[str, Any]) -> MissingSettingError | InvalidSettingError:
    key = ".".join(map(str, mistake["loc"]))
    where = Place(f"{label}: {key}")
    if mistake["type"] == "missing":
        return MissingSettingError(
            f"'{label}' has no '{key}'",
            where=where,
            notes=["'name' and 'settings' are required, and each dataset and tag needs a 'name'"],
        )
    reason = mistake["msg"]
    return InvalidSettingError(
        f"'{key}' of '{label}' is of a wrong type",
        where=where,
        notes=[reason[:1].lower() + reason[1:]],
    )
