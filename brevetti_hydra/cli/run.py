"""A line without a command: run a job, or answer `--help`, `--cfg`, `--info`, `--version`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra.cli.first_point import first_point
from brevetti_hydra.completion.keep import keep_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config import Composition, Request

__all__ = ["execute_line"]

# Flags after which nothing runs, so that nobody needs to know the state of the tree.
_ANSWERS = frozenset({"-h", "--help", "--version", "-c", "--cfg", "-i", "--info"})


def execute_line(words: Sequence[str], reply: Reply) -> int:
    """Execute the line.

    Args:
        words: All words after the program's name.
        reply: Takes the summary, or what was asked for.

    Returns:
        The exit code.

    Raises:
        BrevettiHydraError: The line or the configuration is wrong; nothing was written.
    """
    from brevetti_hydra.run.git import begin_git

    folder = Path.cwd()
    # Git answers while the libraries are imported, which takes far longer.
    asked = (word.partition("=")[0] for word in words)
    git = None if _ANSWERS.intersection(asked) else begin_git(folder)
    from brevetti_hydra.config import find_project, read_argv

    request = read_argv(words, find_project(folder).budget)
    if request.flags.json is not None:
        reply.json = request.flags.json
    if git is None or _asks(request):
        return _answer(request, folder, reply)
    from brevetti_hydra.cli.start import show_log_lines, start_job

    show_log_lines()
    if request.flags.multirun:
        from brevetti_hydra.cli.sweeping import run_sweep

        git.abandon()
        return run_sweep(request, folder, [*_program(), *words], reply)
    from brevetti_hydra.opening import open_run
    from brevetti_hydra.run.display import observe

    observers = observe()
    job = open_run(
        request,
        folder=folder,
        command=[*_program(), *words],
        observers=observers,
        stdout_to_stderr=reply.json is not None,
        git=git,
    )
    code = start_job(job, observers, reply)
    keep_settings(type(job), job._context.plan.job.target, folder)  # noqa: SLF001 - as in `start`
    return code


def _asks(request: Request) -> bool:
    flags = request.flags
    asked = flags.help or flags.version or flags.resolve
    return asked or any(each is not None for each in (flags.cfg, flags.info, flags.package))


def _answer(request: Request, folder: Path, reply: Reply) -> int:
    if request.flags.help:
        from brevetti_hydra.cli.help import say_help

        return say_help(request, reply)
    from brevetti_hydra.config import compose
    from brevetti_hydra.config.answers import answer
    from brevetti_hydra.job import Job
    from brevetti_hydra.opening import read_info

    request = first_point(request, folder)
    compositions: list[Composition] = []

    def composed() -> Composition:
        info = read_info(request, folder)
        compositions.append(compose(request, folder=folder, base=Job, info=info))
        return compositions[0]

    if request.flags.info is not None and _is_plain_info(request):
        return _say_info(request, folder, composed, reply)
    text = answer(request, composed, "brevetti-hydra") or ""
    for composition in compositions:
        keep_settings(composition.job_class, composition.target, folder)
        for line in composition.notices:
            reply.notice(f"warning: {line}")
    reply.say(text)
    reply.answer(_document(request, text, compositions))
    return 0


def _document(request: Request, text: str, compositions: Sequence[Composition]) -> dict[str, Any]:
    if request.flags.version:
        return {"version": text.rpartition(" ")[2]}
    from brevetti_hydra.config.describe import cfg_tree

    package, resolved = request.flags.package, request.flags.resolve
    tree = cfg_tree(compositions[0], resolved=resolved, package=package)
    return {"package": package, "config": tree}


def _is_plain_info(request: Request) -> bool:
    """Whether `--info` is what is asked for; other flags come before it."""
    flags = request.flags
    others = (flags.version, flags.cfg, flags.resolve, flags.package)
    return not any(others)


def _say_info(
    request: Request, folder: Path, composed: Callable[[], Composition], reply: Reply
) -> int:
    from brevetti_hydra.config.anatomy import describe_anatomy

    found = describe_anatomy(request, folder, composed)
    composition = found.composition
    reply.say(found.text)
    fields = found._asdict()
    del fields["composition"]
    fields |= {
        "topic": request.flags.info,
        "target": composition.target if composition else None,
        "choices": composition.choices if composition else None,
    }
    reply.answer(fields)
    return 0


def _program() -> list[str]:
    """Give the words by which this program was started, for the record."""
    if Path(sys.argv[0]).name == "__main__.py":
        return [Path(sys.executable).name, "-m", "brevetti_hydra"]
    return ["brevetti-hydra"]
