"""The job of `tests/faults/sweeps.py`: it keeps a ledger beside the harness of what it does."""

from __future__ import annotations

import os
import time
from pathlib import Path

from brevetti_hydra import Job, JobSettings

EPOCHS = 3


class Settings(JobSettings):
    """What varies, and how long an epoch takes."""

    x: int = 0
    y: int = 0
    pause_s: float = 0.0


class Faulty(Job):
    """Writes each step into its line of the ledger, after the harness has taken it."""

    settings: Settings
    objective = "score"

    def run(self) -> Path:
        """Report, leave a checkpoint, an artifact and a model."""
        ledger = Path(os.environ["LEDGER"]) / self.id
        attempt = len(self.record.attempts)
        self.check_alone(ledger)
        note(ledger, f"begin {attempt} {os.getpid()}")
        try:
            return self.work(ledger, attempt)
        finally:
            note(ledger, f"end {attempt} {os.getpid()}")

    def work(self, ledger: Path, attempt: int) -> Path:
        """Do it; an epoch is noted once the harness has taken it."""
        (self.checkpoint_path / "state.txt").write_text("x")
        for epoch in range(1, EPOCHS + 1):
            self.report_progress(epoch, loss=self.settings.x / epoch)
            note(ledger, f"epoch {attempt} {epoch}")
            time.sleep(self.settings.pause_s)
        self.add_output_metric("score", self.settings.x * 10 + self.settings.y)
        self.artifact_path("report.txt").write_text("report")
        model = Path(str(self.temp_path)) / "model.bin"
        model.write_bytes(b"model")
        return model

    def check_alone(self, ledger: Path) -> None:
        """Tell where another process is in run() of the same trial."""
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        begun = {line.split()[2] for line in lines if line.startswith("begin")}
        ended = {line.split()[2] for line in lines if line.startswith("end")}
        for pid in begun - ended:
            if is_alive(pid):
                note(ledger, f"overlap {pid} {os.getpid()}")


def is_alive(pid: str) -> bool:
    """Tell whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def note(ledger: Path, line: str) -> None:
    """Append a line, in one write."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, line.encode() + b"\n")
    os.close(descriptor)
