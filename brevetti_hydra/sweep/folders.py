"""SweepFolder: all paths of a sweep, from one object (README, "What a sweep leaves")."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from brevetti_hydra.run.folders import SHORT_ID_DIGITS, RunFolder, slug, sweep_id_of

if TYPE_CHECKING:
    import os

__all__ = ["SweepFolder", "trial_name"]


class SweepFolder:
    """The folder of one sweep; its trials' run folders lie in it, beside its own files.

    Nothing but this class knows how the files are named.

    Attributes:
        root: The sweep's folder.
    """

    __slots__ = ("root",)

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Point at a folder, which need not exist; nothing is read or made."""
        self.root = root if isinstance(root, Path) else Path(root)

    @classmethod
    def named(cls, runs_root: Path, job_name: str, sweep_id: str, now: float) -> SweepFolder:
        """Name the folder of a new sweep; nothing is made.

        Args:
            runs_root: The folder of all runs.
            job_name: The name of its job, or of several.
            sweep_id: The sweep's id, in the form of a run's.
            now: The time of day, in seconds since 1970 UTC.
        """
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        short_id = sweep_id.replace("-", "")[:SHORT_ID_DIGITS]
        return cls(runs_root / f"sweep-{stamp}-{slug(job_name)}-{short_id}")

    @property
    def runs_root(self) -> Path:
        """The folder of all runs, which holds this one."""
        return self.root.parent

    @property
    def name(self) -> str:
        """The name of the sweep's folder."""
        return self.root.name

    @property
    def short_id(self) -> str:
        """The first 10 hexadecimal digits of the sweep's id; the whole name in a foreign folder."""
        return sweep_id_of(self.root.name) or self.root.name

    @property
    def record(self) -> Path:
        """What was planned (`SweepRecord`); written once, when the plan is whole."""
        return self.root / "sweep.json"

    @property
    def plan(self) -> Path:
        """One JSON line a trial (`PlannedTrial`), in the order of their numbers."""
        return self.root / "plan.jsonl"

    @property
    def code(self) -> Path:
        """The digest of each file of the job's code, as it was planned."""
        return self.root / "code.json"

    @property
    def bases_dir(self) -> Path:
        """The composed configurations that the trials' own values are laid over."""
        return self.root / "bases"

    def base(self, digest: str) -> Path:
        """One of them."""
        return self.bases_dir / f"{digest}.json"

    @property
    def search(self) -> Path:
        """The journal of Optuna, of a search."""
        return self.root / "optuna.log"

    @property
    def lock(self) -> Path:
        """Held for moments by whoever adds to the plan of a search."""
        return self.root / ".lock"

    @property
    def stop_request(self) -> Path:
        """Asks the drivers that are at work to stop; later ones pass it over."""
        return self.root / ".stop"

    @property
    def drivers_dir(self) -> Path:
        """One file for each driver at work; its modification time is the heartbeat."""
        return self.root / ".drivers"

    def driver(self, name: str) -> Path:
        """One of those files."""
        return self.drivers_dir / f"{name}.json"

    @property
    def engine_dir(self) -> Path:
        """What the launcher leaves: logs of workers, files of a scheduler."""
        return self.root / "engine"

    def worker_log(self, driver: int, number: int) -> Path:
        """Point at what a worker prints beside its trials; `driver` is a process id."""
        return self.engine_dir / f"worker-{driver}-{number}.log"

    @property
    def summary_csv(self) -> Path:
        """The table of all trials."""
        return self.root / "summary.csv"

    @property
    def summary_json(self) -> Path:
        """The summary for programs."""
        return self.root / "summary.json"

    @property
    def summary_page(self) -> Path:
        """The summary as a page."""
        return self.root / "summary.html"

    def trial(self, folder_name: str) -> RunFolder:
        """Point at the run folder of a trial (`PlannedTrial.folder`)."""
        return RunFolder(self.root / folder_name)

    def __repr__(self) -> str:
        """Show the path."""
        return f"SweepFolder({str(self.root)!r})"


def trial_name(number: int, job_name: str, run_id: str) -> str:
    """Name the run folder of a trial: sorted by number, and found by its id like any run's."""
    return f"{number:05d}-{slug(job_name)}-{run_id.replace('-', '')[:SHORT_ID_DIGITS]}"
