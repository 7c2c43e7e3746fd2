"""The commands, by the word or two words that stand first on the line."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "GROUPS", "Command"]


class Command(NamedTuple):
    """What a line may begin with.

    Attributes:
        module: Where it is; imported only when it is used.
        words: What follows it, for `--help`.
        summary: One line for `--help`.
    """

    module: str
    words: str
    summary: str


COMMANDS: dict[str, Command] = {
    "explain": Command(
        "brevetti_hydra.cli.explain", "[KEY ...]", "say of each value of a line where it comes from"
    ),
    "runs": Command("brevetti_hydra.cli.runs", "", "list the recorded runs, newest first"),
    "show": Command("brevetti_hydra.cli.show", "RUN", "show what a run did and left"),
    "logs": Command("brevetti_hydra.cli.logs", "RUN", "print a run's log; -f follows it"),
    "resume": Command("brevetti_hydra.cli.resume", "RUN", "begin a new attempt of a stopped run"),
    "sweep status": Command(
        "brevetti_hydra.cli.sweep_status", "SWEEP", "say where a sweep stands now; -f follows it"
    ),
    "sweep summary": Command(
        "brevetti_hydra.cli.sweep_summary", "SWEEP", "say what became of a sweep, the best first"
    ),
    "sweep resume": Command(
        "brevetti_hydra.cli.sweep_resume", "SWEEP", "run what is missing of a sweep"
    ),
    "sweep retry-failed": Command(
        "brevetti_hydra.cli.sweep_retry_failed", "SWEEP", "the same, and what has failed"
    ),
    "sweep stop": Command(
        "brevetti_hydra.cli.sweep_stop", "SWEEP", "ask a sweep to stop, wherever it is driven"
    ),
    "sweep rm": Command(
        "brevetti_hydra.cli.sweep_rm", "SWEEP ...", "remove sweeps with all of their trials"
    ),
    "tag": Command("brevetti_hydra.cli.tag", "RUN +a -b", "add and remove tags of a run"),
    "note": Command("brevetti_hydra.cli.note", "RUN TEXT", "write a note on a run"),
    "completion": Command(
        "brevetti_hydra.cli.completion", "SHELL", "print the completion script of bash, zsh or fish"
    ),
    "rm": Command("brevetti_hydra.cli.rm", "RUN ...", "remove runs with all that they left"),
    "config migrate": Command(
        "brevetti_hydra.cli.config_migrate", "", "bring YAML files to the newest version"
    ),
    "config schema": Command(
        "brevetti_hydra.cli.config_schema",
        "",
        "JSON Schema by which editors complete and check YAML",
    ),
    "config check": Command(
        "brevetti_hydra.cli.config_check",
        "",
        "find all mistakes of all files, options and experiments; run nothing",
    ),
}

# Words that begin a command of two: `config check`.
GROUPS = frozenset(name.partition(" ")[0] for name in COMMANDS if " " in name)
