"""Sweeps of every stored format are read for ever, and can be gone on with.

`format-1` holds a project and two sweeps of it, of which a trial is missing: `product` has pairs,
repeats and a failed trial of two attempts, `search` a conditional axis and Optuna's journal. A new
format adds a folder; none is ever changed.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.cli.main import main
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.opened import open_sweep
from brevetti_hydra.sweep.summary.table import sweep_fields
from brevetti_hydra.sweep.summary.view import read_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

CORPUS = Path(__file__).resolve().parents[1] / "golden" / "sweeps"
SWEEPS = [
    (release.name, sweep.name)
    for release in sorted(CORPUS.glob("format-*"))
    for sweep in sorted(release.iterdir())
    if (sweep / "sweep.json").is_file()
]
# Where the sweeps were made; a test has another folder.
HOME = "/home/ann/digits"


@pytest.fixture
def lay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], SweepFolder]:
    """Give a function that lays a sweep out in its project, as if it had been made there."""

    def lay(release: str, name: str) -> SweepFolder:
        folder = tmp_path / "project"
        shutil.copytree(CORPUS / release / "project", folder)
        source = CORPUS / release / name
        record = json.loads((source / "sweep.json").read_bytes())
        sweep = SweepFolder(folder / "runs" / record["folder"])
        shutil.copytree(source, sweep.root)
        for path in (sweep.record, *sweep.bases_dir.iterdir()):
            path.write_text(path.read_text("utf-8").replace(HOME, str(folder)), "utf-8")
        monkeypatch.chdir(folder)
        monkeypatch.delitem(sys.modules, "train", raising=False)
        return sweep

    return lay


@pytest.mark.parametrize(("release", "name"), SWEEPS)
def test_a_stored_sweep_is_read(
    lay_out: Callable[[str, str], SweepFolder], release: str, name: str
) -> None:
    """Its summary is what it was, and each configuration can be read."""
    folder = lay_out(release, name)

    known = json.loads((CORPUS / release / name / "summary.json").read_bytes())
    found = sweep_fields(read_sweep(folder))
    sweep = open_sweep(folder)

    same = ("state", "total", "counts", "best", "duration_s")
    assert {key: known[key] for key in same} == {key: found[key] for key in same}
    assert [_told(trial) for trial in known["trials"]] == [_told(t) for t in found["trials"]]
    jobs = {path.stem: sweep.frozen(path.stem).job.name for path in folder.bases_dir.iterdir()}
    assert [trial.job for trial in sweep.trials] == [jobs[trial.base] for trial in sweep.trials]


def _told(trial: dict[str, Any]) -> dict[str, Any]:
    keys = ("number", "run_id", "key", "state", "values", "varied", "overrides", "attempts", "seed")
    return {key: trial[key] for key in keys}


@pytest.mark.parametrize(("release", "name"), SWEEPS)
def test_a_stored_sweep_goes_on(
    lay_out: Callable[[str, str], SweepFolder], release: str, name: str
) -> None:
    """What was missing runs, from what was frozen; what was there stays as it was."""
    folder = lay_out(release, name)
    before = {path: path.read_bytes() for path in folder.root.glob("0*/record.json")}

    main(["sweep", "resume", str(folder.root)])

    view = read_sweep(folder)
    assert view.total == len(view.trials) == len([t for t in view.trials if t.state.is_finished])
    assert before == {path: path.read_bytes() for path in before}
    assert len(before) + 1 == len(view.trials)
