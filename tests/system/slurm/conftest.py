"""A real SLURM on this machine: one box, two virtual nodes, loopback, everything in one folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONFIGURATION = """\
ClusterName=loop
SlurmctldHost=localhost(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldPort={controller}
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=5
JobRequeue=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=batch_sched_delay=0,sched_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MailProg=/bin/true
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={first} CPUs=2 RealMemory=8000
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={second} CPUs=2 RealMemory=8000
PartitionName=debug Nodes=n1,n2 Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE PriorityTier=9
"""

# A job that is started sooner after it was queued again is refused by its node.
_HOLD_S = 2.5


class Cluster:
    """A SLURM that runs as long as the test session; its commands need its `environment`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "slurm.conf"
        ports = dict(zip(("controller", "first", "second"), _free_ports(3), strict=True))
        self.configuration.write_text(_CONFIGURATION.format(folder=folder, **ports))
        (folder / "state").mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)

    def start(self) -> None:
        """Start all daemons; each puts itself into the background and leaves its number."""
        place = self.folder
        files = [
            f"--{name}={place}/munge.{name.split('-')[0]}" for name in ("pid-file", "seed-file")
        ]
        munge = ["munged", "--force", f"--socket={place}/munge.socket", *files]
        self.must(*munge, f"--key-file={place}/munge.key", f"--log-file={place}/munge.log")
        self.must("slurmctld")
        for node in ("n1", "n2"):
            self.must("slurmd", "-N", node)
        wait_for(lambda: self.must("sinfo", "-h", "-o", "%T %D").strip() == "idle 2")

    def stop(self) -> None:
        """End what was started: jobs first, then nodes, the controller, and munge."""
        with suppress(subprocess.CalledProcessError):
            self.must("scancel", "--me", "--signal=KILL")
            self.must("scancel", "--me")
            wait_for(lambda: not self.must("squeue", "-h"), most_s=15)
        for name in ("slurmd-n1", "slurmd-n2", "slurmctld", "munge"):
            path = self.folder / f"{name}.pid"
            with suppress(OSError, ValueError):
                _end(int(path.read_text()))

    def must(self, *command: str) -> str:
        """Run a command of SLURM that has to succeed, and give what it printed."""
        done = subprocess.run(
            command,
            check=True,
            env={**os.environ, "SLURM_CONF": str(self.configuration)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def wait_for(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; jobs that were queued again need not wait two minutes."""
        held: dict[str, float] = {}

        def hurried() -> object:
            for line in self.must("squeue", "-h", "-r", "-t", "PD", "-o", "%i %r").splitlines():
                job, reason = line.split()
                if reason != "BeginTime":
                    continue
                # Held until the node has forgotten the job; here that takes a second at most.
                if time.monotonic() - held.setdefault(job, time.monotonic()) > _HOLD_S:
                    self.must("scontrol", "update", f"JobId={job}", "StartTime=now")
            return holds()

        wait_for(hurried)


def wait_for(holds: Callable[[], object], most_s: float = 60.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + most_s
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"waited for {most_s} s in vain")
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _end(pid: int) -> None:
    """End a daemon, which is no child of this process."""
    os.kill(pid, signal.SIGTERM)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start a SLURM; where there is none, the test is skipped (and `.ci/run` fails)."""
    if os.geteuid() or any(shutil.which(n) is None for n in ("munged", "slurmctld", "slurmd")):
        pytest.skip("no SLURM, or no root; apt-get install slurm-wlm munge")
    # A short path: munge's is that of a socket.
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
