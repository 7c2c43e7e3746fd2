"""The commands of SLURM: what is queued, and how it is cancelled or queued again.

`squeue` alone is asked, never `sacct`: a cluster without accounting has no answer of that.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra.errors import LauncherError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["QueuedJob", "SlurmQueue"]

_ANSWER_S = 60.0

# A command line takes some 100 kB; an id of an array's task has some 15 characters.
_MOST_IDS = 1000

# https://slurm.schedmd.com/squeue.html, "JOB STATE CODES": those that a job does not leave.
_ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "REVOKED",
        "TIMEOUT",
    }
)


class QueuedJob(NamedTuple):
    """A job as the scheduler tells of it.

    Attributes:
        state: `PENDING`, `RUNNING` and so on.
        reason: Why it waits; None of others.
    """

    state: str
    reason: str | None

    @property
    def is_ended(self) -> bool:
        """Whether the scheduler is done with it."""
        return self.state in _ENDED

    def __str__(self) -> str:
        """Say it as people would: 'pending (Priority)'."""
        state = self.state.lower().replace("_", " ")
        return state if self.reason is None else f"{state} ({self.reason})"


class SlurmQueue:
    """The jobs of this user that bear one name: those of a sweep.

    Ids are those of an array's task, '12_3'. Its plain id would not do: the one of the last task
    that began is the array's own, and `scontrol requeue` with it begins the whole array anew.
    """

    def __init__(self, name: str) -> None:
        """Prepare; nothing is asked.

        Raises:
            LauncherError: This machine has no SLURM.
        """
        for command in ("sbatch", "squeue", "scancel", "scontrol"):
            if shutil.which(command) is None:
                raise LauncherError(
                    f"there is no SLURM here: '{command}' is not found",
                    hint="start the sweep where jobs of the cluster are submitted",
                )
        self.name = name

    def jobs(self) -> dict[str, QueuedJob]:
        """Ask for all of them; those that ended long ago are left out by SLURM.

        Raises:
            LauncherError: The scheduler does not answer.
        """
        text = _must(
            *("squeue", "--me", "-h", "-r", "-t", "all", "--name", self.name),
            *("-o", "%i|%T|%r"),
        )
        found = {}
        for line in text.splitlines():
            job, state, reason = line.split("|", 2)
            waits = state == "PENDING" and reason not in {"None", ""}
            found[job] = QueuedJob(state, reason if waits else None)
        return found

    def largest_array(self) -> int:
        """Give how many tasks an array may have.

        Raises:
            LauncherError: The scheduler does not answer.
        """
        match = re.search(r"MaxArraySize\s*=\s*(\d+)", _must("scontrol", "show", "config"))
        # The number is one more than the highest index, which begins at 0.
        return max(1, int(match[1]) - 1) if match else 1000

    def cancel(self, jobs: Iterable[str], *, signal: str | None = None) -> None:
        """Cancel jobs, or send those that run a signal; jobs that ended are left alone.

        Raises:
            LauncherError: The scheduler does not answer.
        """
        words = ["scancel", "--quiet"] if signal is None else ["scancel", f"--signal={signal}"]
        for some in _slices(list(jobs)):
            # scancel ends with 1 where one of them has ended meanwhile.
            _run(*words, *some)

    def requeue(self, job: str) -> bool:
        """Let a job begin anew, in its turn; False where the scheduler does not."""
        return _run("scontrol", "requeue", job).returncode == 0

    def is_preempted(self, job: str) -> bool:
        """Whether a running job has to make room for another one."""
        shown = _run("scontrol", "show", "job", job).stdout
        return re.search(r"PreemptTime=\d", shown) is not None


def _slices(jobs: Sequence[str]) -> Iterable[Sequence[str]]:
    return (jobs[start : start + _MOST_IDS] for start in range(0, len(jobs), _MOST_IDS))


def _must(*command: str) -> str:
    done = _run(*command)
    if done.returncode:
        raise LauncherError(
            f"SLURM does not answer to '{command[0]}'",
            notes=[line.strip() for line in done.stderr.splitlines()[:3]],
            hint="try: sinfo",
        )
    return done.stdout


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_ANSWER_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
