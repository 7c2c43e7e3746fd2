"""What `Job.init` is given as lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra import Job
from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["overrides", "argv"])
def test_a_text_in_the_place_of_a_list_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`init(overrides="lr=1")` would be read letter by letter; the report shows the list."""
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {"argv": [], name: "lr=1"}

    with pytest.raises(UsageError) as caught:
        Job.init(**given)

    assert f"'{name}' must be a list of texts, but is one text" == caught.value.message
    assert f"write {name}=['lr=1']" == caught.value.hint
