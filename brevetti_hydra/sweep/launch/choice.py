"""Which launcher a sweep asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.sweep_nodes import LauncherNode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.launch.base import Launcher
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import SweepRecord

__all__ = ["check_launcher", "open_launcher", "queue_of"]


def check_launcher(record: SweepRecord, *, secrets: Sequence[Argument] = ()) -> None:
    """Refuse a launcher that cannot be had here, before anything is written.

    Args:
        record: The sweep.
        secrets: Overrides that the plan does not hold, because they are secrets.

    Raises:
        LauncherError: It cannot be had here, or not with secrets.
        MissingExtraError: A package that it needs is not installed.
    """
    if record.hydra_launcher is not None:
        from brevetti_hydra.sweep.launch.hydra_plugins import check_plugin

        check_plugin(record.hydra_launcher["name"], secrets)
    elif record.launcher["kind"] == "slurm":
        from brevetti_hydra.sweep.launch.slurm import check_slurm

        check_slurm(secrets)
    elif record.launcher["kind"] == "processes":
        from brevetti_hydra.sweep.launch.processes import check_processes

        check_processes()


def open_launcher(
    sweep: OpenSweep, *, secrets: Sequence[Argument] = (), stdout_to_stderr: bool = False
) -> Launcher:
    """Make the launcher that a sweep was planned with.

    Args:
        sweep: The sweep.
        secrets: Overrides that the plan does not hold, because they are secrets.
        stdout_to_stderr: Send what the jobs print to stderr.

    Raises:
        LauncherError: It cannot be had here.
        MissingExtraError: A package that it needs is not installed.
    """
    if sweep.record.hydra_launcher is not None:
        from brevetti_hydra.sweep.launch.hydra_plugins import HydraLauncher

        return HydraLauncher(sweep, secrets=secrets)
    node = LauncherNode.model_validate(sweep.record.launcher)
    if node.kind == "slurm":
        from brevetti_hydra.sweep.launch.slurm import SlurmLauncher

        return SlurmLauncher(sweep, node, secrets=secrets)
    if node.kind == "processes":
        from brevetti_hydra.sweep.launch.processes import ProcessesLauncher

        return ProcessesLauncher(sweep, node, secrets=secrets)
    from brevetti_hydra.run.display import Muted
    from brevetti_hydra.sweep.launch.inline import InlineLauncher
    from brevetti_hydra.sweep.trial import TrialRunner

    runner = TrialRunner(
        sweep, secrets=secrets, observers=[Muted()], stdout_to_stderr=stdout_to_stderr
    )
    return InlineLauncher(runner)


def queue_of(folder: SweepFolder, record: SweepRecord) -> dict[str, int]:
    """Count what the scheduler of a sweep's launcher says of its trials, where it has one.

    Returns:
        `pending (Priority)`, `running` and so on -> trials; empty without a scheduler.

    Raises:
        LauncherError: The scheduler does not answer, or is that of another machine.
    """
    if record.hydra_launcher is not None or record.launcher.get("kind") != "slurm":
        return {}
    from collections import Counter

    from brevetti_hydra.sweep.launch.slurm import job_states

    return dict(Counter(job_states(folder).values()))
