"""`brevetti-hydra resume RUN`: a new attempt of a run that did not complete."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.start import say_ending, show_log_lines, start_job
from brevetti_hydra.config import find_project, read_overrides
from brevetti_hydra.errors import TargetRefusedError, WrongStateError
from brevetti_hydra.opening import RESUME_VARIABLE, reopen_run
from brevetti_hydra.record import RunState
from brevetti_hydra.run.display import observe
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.run.history import find_run, read_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["build_parser", "execute"]


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser(
        "resume",
        "Begin a new attempt of a failed, interrupted or lost run, with its own settings, record\n"
        "and checkpoints.",
    )
    parser.add_argument("run", metavar="RUN", help="id, its beginning, path, or 'last'")
    parser.add_argument(
        "given", metavar="KEY=VALUE", nargs="*", help="a secret again: the record does not hold it"
    )
    parser.add_argument(
        "--allow-lossy",
        action="store_true",
        help="take a record of an older version also where something is lost by it",
    )
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Run the attempt; the answer is that of a run."""
    folder = find_run(arguments.run, runs_root(arguments.root))
    record = read_record(folder)
    _refuse(folder, record)
    if record.job.entry == "script":
        given = [*arguments.given, *(["--allow-lossy"] if arguments.allow_lossy else [])]
        return _start_script(folder, record, given, reply)
    show_log_lines()
    observers = observe()
    job = reopen_run(
        folder,
        folder=Path.cwd(),
        given=read_overrides(arguments.given),
        allow_lossy=arguments.allow_lossy,
        observers=observers,
        stdout_to_stderr=reply.json is not None,
    )
    return start_job(job, observers, reply)


def _refuse(folder: RunFolder, record: RunRecord) -> None:
    if not record.state.is_resumable:
        is_busy = record.state in {RunState.CREATED, RunState.RUNNING}
        raise WrongStateError(
            f"run '{folder.short_id}' is {record.state.value} and cannot be resumed",
            notes=["failed, interrupted and lost runs can"],
            hint=f"follow it with 'brevetti-hydra logs -f {folder.short_id}'" if is_busy else None,
        )
    if record.job.entry == "interactive":
        raise WrongStateError(
            f"run '{folder.short_id}' was started in a notebook, whose code is not in a file",
            hint=f"resume it there: MyJob.init(job_id='{folder.short_id}').start()",
        )


def _start_script(folder: RunFolder, record: RunRecord, given: Sequence[str], reply: Reply) -> int:
    """Start the script again that called init(); there it finds the run by the environment."""
    # Imported here: only a script is started as a process.
    import subprocess

    file = record.job.file
    if file is None or not Path(file).is_file():
        raise WrongStateError(
            f"the script of run '{folder.short_id}' is gone",
            notes=[f"it was {file}"],
            hint="put it back, or start a new run",
        )
    if not find_project(Path.cwd()).holds(Path(file)):
        # A record is data, and may be anybody's: it names no code outside of the project.
        raise TargetRefusedError(
            f"the script of run '{folder.short_id}' lies outside of this project",
            notes=[f"it is {file}"],
            hint="resume it in the folder in which it was started",
        )
    words = [file] if record.job.module is None else ["-m", record.job.module]
    environment = {**os.environ, RESUME_VARIABLE: str(folder.root)}
    code = subprocess.run([sys.executable, *words, *given], env=environment, check=False).returncode
    say_ending(folder, read_record(folder), reply)
    return 128 - code if code < 0 else code
