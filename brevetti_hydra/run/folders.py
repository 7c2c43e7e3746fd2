"""RunFolder: all paths of a run, from one object (README, "What a run leaves")."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from brevetti_hydra._files import make_folder, write_whole

__all__ = [
    "RUNS_VARIABLE",
    "SHORT_ID_DIGITS",
    "RunFolder",
    "new_run_id",
    "runs_root",
    "short_id_of",
    "slug",
    "sweep_id_of",
]

RUNS_VARIABLE = "BREVETTI_HYDRA_RUNS"

# Digits of the run's id in the name of its folder: 40 bits, unique among a million runs a second.
SHORT_ID_DIGITS = 10

_MOST_SLUG_CHARACTERS = 40
# Texts: compiled when a list of runs needs them, not at import. A run alone, or a trial: a sweep's
# folder begins with a word.
_FOLDER_NAME = r"(?s)(?:\d{8}T\d{6}Z|\d{5,})-.+-([0-9a-f]{10})"
_SWEEP_NAME = r"(?s)sweep-\d{8}T\d{6}Z-.+-([0-9a-f]{10})"


def runs_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Give the folder of all runs: `root`, else $BREVETTI_HYDRA_RUNS, else `./runs`."""
    chosen = os.fspath(root or os.environ.get(RUNS_VARIABLE) or "runs")
    # No shell expands what stands behind a '=' or between quotes.
    return Path(os.path.abspath(os.path.expanduser(chosen)))  # noqa: PTH100, PTH111 - links stay


def new_run_id() -> str:
    """Make a random id in the form of a UUID of version 4."""
    # By hand: the import of uuid costs more than the rest of a run's folder.
    digits = bytearray(os.urandom(16))
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def slug(name: str) -> str:
    """Make a name fit for a folder on any system: a-z, 0-9 and single dashes."""
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return text[:_MOST_SLUG_CHARACTERS].strip("-") or "job"


class RunFolder:
    """The folder of one run and everything that lies in it.

    Nothing but this class knows how the files are named.

    Attributes:
        root: The run's folder.
    """

    __slots__ = ("_storage_dir", "root")

    def __init__(self, root: str | os.PathLike[str], storage_dir: Path | None = None) -> None:
        """Point at a folder, which need not exist; nothing is read or made."""
        self.root = root if isinstance(root, Path) else Path(root)
        self._storage_dir = storage_dir

    @property
    def runs_root(self) -> Path:
        """The folder of all runs, which holds this one."""
        return self.root.parent

    @property
    def storage_dir(self) -> Path:
        """The job's storage space on this machine: `storage/`, or what `--job_dir` says."""
        return self.root / "storage" if self._storage_dir is None else self._storage_dir

    @classmethod
    def named(
        cls,
        runs_root: Path,
        job_name: str,
        run_id: str,
        now: float,
        storage_dir: Path | None = None,
    ) -> RunFolder:
        """Name the folder of a new run; nothing is made.

        Args:
            runs_root: The folder of all runs.
            job_name: The name of the run's job.
            run_id: The run's id.
            now: The time of day, in seconds since 1970 UTC.
            storage_dir: What replaces `storage/`, or None.
        """
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        short_id = run_id.replace("-", "")[:SHORT_ID_DIGITS]
        return cls(runs_root / f"{stamp}-{slug(job_name)}-{short_id}", storage_dir)

    @classmethod
    def new(
        cls,
        runs_root: Path,
        job_name: str,
        run_id: str,
        now: float,
        storage_dir: Path | None = None,
    ) -> RunFolder:
        """Make the folder of a new run; arguments as for `named`, errors as of `make`."""
        folder = cls.named(runs_root, job_name, run_id, now, storage_dir)
        folder.make()
        return folder

    def make(self) -> None:
        """Make the run's folder, and the folder of all runs with a `.gitignore` of `*`.

        A folder of all runs that was there before is left as it is: it may be somebody's project.

        Raises:
            StorageWriteError: It cannot be made.
            FileExistsError: A run of that id stands there already.
        """
        if not self.runs_root.is_dir() and self._make_root():
            # So that a run does not make the tree dirty.
            ignore = self.runs_root / ".gitignore"
            write_whole(ignore, b"*\n", point="root.ignored", durable=False)
        make_folder(self.root, point="folder.made", exist_ok=False)

    def make_in_sweep(self) -> None:
        """Make the run's folder, if it is missing, in that of a sweep, which must be there.

        Raises:
            StorageWriteError: It cannot be made.
        """
        make_folder(self.root, point="folder.made", parents=False)

    def _make_root(self) -> bool:
        """Make the folder of all runs; False where another process was quicker."""
        try:
            make_folder(self.runs_root, point="root.made", exist_ok=False)
        except FileExistsError:
            # A file in its place is no folder, and an error.
            make_folder(self.runs_root, point="root.made")
            return False
        return True

    def at_storage(self, storage: str) -> RunFolder:
        """Give the same folder with the storage space that a record names."""
        return RunFolder(self.root, self.root / storage)

    @property
    def storage(self) -> str:
        """The storage space as records name it: relative, if it lies in the run's folder."""
        if self.storage_dir.is_relative_to(self.root):
            return self.storage_dir.relative_to(self.root).as_posix()
        return str(self.storage_dir)

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return self.root.name

    @property
    def short_id(self) -> str:
        """The first 10 hexadecimal digits of the run's id; the whole name in a foreign folder."""
        return short_id_of(self.root.name) or self.root.name

    @property
    def record(self) -> Path:
        """The record; small, replaced as a whole at each change of state."""
        return self.root / "record.json"

    @property
    def journal(self) -> Path:
        """The events of the run, one JSON line each, only ever appended to."""
        return self.root / "journal.jsonl"

    @property
    def snapshot(self) -> Path:
        """All inputs; written once."""
        return self.root / "snapshot.json"

    @property
    def patch(self) -> Path:
        """What the job's tracked .py and YAML files differed in from the commit, at first."""
        return self.root / "config" / "uncommitted.patch"

    def environment_of(self, attempt: int) -> Path:
        """Where a later attempt keeps its environment; the first one's is in the snapshot."""
        return self.root / "config" / f"environment-{attempt}.json"

    def patch_of(self, attempt: int) -> Path:
        """Where an attempt keeps what its code differs in from the commit."""
        return self.patch if attempt == 1 else self.patch.with_stem(f"{self.patch.stem}-{attempt}")

    @property
    def log(self) -> Path:
        """What the run and its children wrote to stdout and stderr."""
        return self.root / "run.log"

    @property
    def claim(self) -> Path:
        """The newest attempt's claim; its modification time is the heartbeat."""
        return self.root / ".attempt"

    @property
    def lock(self) -> Path:
        """Held for moments by whoever changes record or claim."""
        return self.root / ".lock"

    @property
    def request(self) -> Path:
        """What the driver of a sweep asks of the newest attempt (`run.requests`)."""
        return self.root / ".request"

    @property
    def killed(self) -> Path:
        """Why the newest attempt's process was ended on purpose (`run.requests`)."""
        return self.root / ".killed"

    @property
    def delivered(self) -> Path:
        """How far the journal has been delivered to the platform."""
        return self.root / "delivered.json"

    @property
    def config_dir(self) -> Path:
        """The composition, the overrides and the sources."""
        return self.root / "config"

    @property
    def sources_dir(self) -> Path:
        """Copies of the YAML that took part."""
        return self.root / "config" / "sources"

    @property
    def temp_dir(self) -> Path:
        """Scratch space; removed when the run completes."""
        return self.root / "temp"

    @property
    def checkpoints_dir(self) -> Path:
        """What a later attempt goes on from; the same for all attempts."""
        return self.root / "checkpoints"

    @property
    def artifacts_dir(self) -> Path:
        """Everything that the job outputs."""
        return self.storage_dir / "artifacts"

    @property
    def output(self) -> Path:
        """Settings, environment and output metrics, as the platform reads them."""
        return self.artifacts_dir / "output.json"

    @property
    def info(self) -> Path:
        """The job as the platform describes it."""
        return self.storage_dir / "info.json"

    def __repr__(self) -> str:
        """Show the path."""
        return f"RunFolder({str(self.root)!r})"

    def __eq__(self, other: object) -> bool:
        """Compare the paths."""
        return isinstance(other, RunFolder) and self.root == other.root

    def __hash__(self) -> int:
        """Hash the path."""
        return hash(self.root)


def short_id_of(folder_name: str) -> str | None:
    """Give the id's digits in a folder's name; None where it is no run's folder."""
    match = re.fullmatch(_FOLDER_NAME, folder_name)
    return match and match[1]


def sweep_id_of(folder_name: str) -> str | None:
    """Give the id's digits in the name of a sweep's folder; None where it is none."""
    match = re.fullmatch(_SWEEP_NAME, folder_name)
    return match and match[1]
