"""Settings that somebody left open, and values that pydantic would bend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra import BrevettiHydraError, Field, Job, JobSettings
from brevetti_hydra.config import compose, read_argv, validate

if TYPE_CHECKING:
    from pathlib import Path


class OpenSettings(JobSettings):
    lr: float = Field(0.1, gt=0)
    epochs: int = 3
    is_loud: bool = False
    either: bool | int = 0


class OpenJob(Job):
    settings: OpenSettings

    def run(self) -> None:
        """Do nothing."""


def problems(folder: Path, *argv: str, info: dict[str, Any] | None = None) -> list[str]:
    """Give the codes and messages of a command line's mistakes."""
    request = read_argv(argv)
    composition = compose(
        request, folder=folder, base=Job, job_class=OpenJob, target="here:OpenJob", info=info
    )
    try:
        validate(composition)
    except BrevettiHydraError as error:
        return [f"{fields['code']}: {fields['message']}" for fields in error.as_json()]
    return []


def option(folder: Path, text: str) -> None:
    (folder / "conf" / "experiment").mkdir(parents=True, exist_ok=True)
    content = f"# @package _global_\n{text}\n"
    (folder / "conf" / "experiment" / "open.yaml").write_text(content, encoding="utf-8")


def test_a_setting_left_open_has_to_be_given(tmp_path: Path) -> None:
    """`???` in YAML asks for a value although the class has a default; any layer may give it."""
    option(tmp_path, "lr: ???")

    assert ["missing-setting: 'lr' has to be given: it is left open with '???'"] == problems(
        tmp_path, "experiment=open"
    )
    assert [] == problems(tmp_path, "experiment=open", "lr=0.5")


def test_an_argument_gives_a_value(tmp_path: Path) -> None:
    """`lr=???` is a mistake, not a way back to the default."""
    [found] = problems(tmp_path, "lr=???")

    assert found.startswith("override-syntax: 'lr=???' gives no value")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["lr=true"], "'lr' must be a number, but is true"),
        (["epochs=false"], "'epochs' must be an integer, but is false"),
        (["--epochs", "true"], "'epochs' must be an integer, but is true"),
    ],
)
def test_a_switch_is_no_number(argv: list[str], expected: str, tmp_path: Path) -> None:
    """Pydantic would take true for 1 and train one epoch."""
    assert [f"invalid-setting: {expected}"] == problems(tmp_path, *argv)


def test_switches_stay_switches(tmp_path: Path) -> None:
    """Where a switch may stand, it does."""
    assert [] == problems(tmp_path, "is_loud=true", "either=true")


def test_what_a_platform_sent_is_judged_like_the_rest(tmp_path: Path) -> None:
    """A text that looks like an interpolation is data, and no number."""
    info = {"name": "sent", "settings": {"epochs": "${oc.env:HOME}", "lr": True}}

    assert [
        "invalid-setting: 'epochs' must be an integer, but is '${oc.env:HOME}'",
        "invalid-setting: 'lr' must be a number, but is true",
    ] == sorted(problems(tmp_path, info=info))


def test_a_forgotten_package_header_is_named(tmp_path: Path) -> None:
    """An option whose keys were meant for the root says what its first line lacks."""
    option(tmp_path, "")
    path = tmp_path / "conf" / "experiment" / "bare.yaml"
    path.write_text("lr: 0.5\n", encoding="utf-8")

    composition = compose(
        read_argv(["experiment=bare"]), folder=tmp_path, base=Job, job_class=OpenJob
    )
    with pytest.raises(BrevettiHydraError) as caught:
        validate(composition)

    assert "# @package _global_" in str(caught.value)
