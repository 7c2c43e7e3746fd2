"""`Job.init`: the way from a Python program, script or notebook to a Job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from brevetti_hydra._text import escape_control
from brevetti_hydra.config import (
    Argument,
    Composition,
    Request,
    compose,
    find_project,
    read_argv,
    read_overrides,
)
from brevetti_hydra.config.safety.credentials import with_api_key
from brevetti_hydra.config.safety.targets import loading_module
from brevetti_hydra.errors import (
    BrevettiHydraError,
    PlatformNotAvailableError,
    RunNotFoundError,
    TargetNotFoundError,
    UsageError,
)
from brevetti_hydra.job import Job
from brevetti_hydra.job_class import check_job_class, own_target
from brevetti_hydra.opening import (
    RESUME_VARIABLE,
    open_run,
    read_info,
    remote_job_error,
    reopen_run,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from brevetti_hydra.run.folders import RunFolder

__all__ = [
    "AnyJob",
    "open_from_python",
    "request_asks_for_traceback",
]

AnyJob = TypeVar("AnyJob", bound=Job)


def open_from_python(
    job_class: type[AnyJob],
    given: Mapping[str, str],
    overrides: Sequence[str],
    config_dir: str | os.PathLike[str] | None,
    argv: Sequence[str] | None,
) -> AnyJob:
    """Open a job for `Job.init`; its docstring tells the arguments and the other errors.

    Raises:
        TargetNotFoundError: The module that is being imported for a job starts one itself.
        UsageError: `overrides` or `argv` is a text.
    """
    for name, value in (("overrides", overrides), ("argv", argv)):
        if isinstance(value, str):
            raise UsageError(
                f"'{name}' must be a list of texts, but is one text",
                hint=f"write {name}={[value]!r}",
            )
    imported = loading_module()
    if imported is not None:
        raise TargetNotFoundError(
            f"'{imported}' starts a job of its own while it is imported",
            hint=f'put {job_class.__name__}.init() under: if __name__ == "__main__":',
        )
    is_program = argv is None and not _is_interactive()
    arguments = sys.argv[1:] if is_program else list(argv or ())
    folder = Path.cwd()
    try:
        budget = find_project(folder).budget
        request = read_argv(arguments, budget)
        if not is_program:
            request = request._replace(word_count=0)  # the recorded line is the process's own
        request = _joined(request, given, read_overrides(overrides, budget), config_dir)
        request = with_api_key(request)
        if request.flags.json is not None:
            raise UsageError(
                "'--json' belongs to the command line, not to a script of yours",
                hint=f"brevetti-hydra --json job={own_target(job_class)[0]} ...",
            )
        if is_program and _prints_only(request, job_class, folder):
            raise SystemExit(0)
        return _opened(job_class, request, folder)
    except BrevettiHydraError as error:
        if not is_program or error.exit_code != UsageError.exit_code:
            raise
        print(escape_control(str(error)), file=sys.stderr)  # noqa: T201 - a program that was started wrongly
        if request_asks_for_traceback(arguments):
            raise
        raise SystemExit(error.exit_code) from None


def request_asks_for_traceback(arguments: Sequence[str]) -> bool:
    """Whether the whole chain of an error is wanted."""
    return "--traceback" in arguments


def _opened(job_class: type[AnyJob], request: Request, folder: Path) -> AnyJob:
    from brevetti_hydra.run.display import observe

    check_job_class(job_class)
    observers = observe()
    job_id = request.container.get("job_id")
    run = _resumed_run(job_class)
    if run is None and job_id is not None and "info_file" not in request.container:
        run = _known_run(job_id, request, job_class)
    job: Job
    if run is not None:
        job = reopen_run(
            run,
            folder=folder,
            job_class=job_class,
            given=request.arguments,
            allow_lossy=request.flags.allow_lossy,
            observers=observers,
        )
    else:
        command = _command()
        job = open_run(
            request, folder=folder, command=command, job_class=job_class, observers=observers
        )
    return job  # type: ignore[return-value]


def _resumed_run(job_class: type[Job]) -> RunFolder | None:
    """Give the run that `resume` started this script for, to the first job that it is a run of."""
    resumed = os.environ.get(RESUME_VARIABLE)
    if not resumed:
        return None
    from brevetti_hydra.run.folders import runs_root
    from brevetti_hydra.run.history import find_run, read_record

    run = find_run(resumed, runs_root())
    if not _is_of(read_record(run).job.target, job_class):
        return None
    # Neither a second job of the script nor a child process is meant.
    del os.environ[RESUME_VARIABLE]
    return run


def _known_run(job_id: str, request: Request, job_class: type[Job]) -> RunFolder:
    """Find the recorded run that an id means.

    Raises:
        PlatformNotAvailableError: The id names none here.
        UsageError: It is a run of another job.
    """
    from brevetti_hydra.run.folders import runs_root
    from brevetti_hydra.run.history import find_run, read_record

    if request.api_key is not None:
        raise remote_job_error(job_id)
    root = runs_root()
    try:
        run = find_run(job_id, root)
    except RunNotFoundError as error:
        raise PlatformNotAvailableError(
            f"the local platform knows no job '{job_id}'",
            notes=[f"looked for a run of that id in {root}"],
            hint="leave the id out for a new run, or give the job's --info_file",
        ) from error
    target = read_record(run).job.target
    if not _is_of(target, job_class):
        raise UsageError(
            f"the run '{job_id}' is one of '{target}', not of '{job_class.__name__}'",
            hint="open it with its own class",
        )
    return run


def _is_of(target: str, job_class: type[Job]) -> bool:
    """Whether a recorded target names a class, be it by the name of an older version."""
    own, project = own_target(job_class)[0], find_project(Path.cwd())
    if target == own or project.migrations is None:
        return target == own
    from brevetti_hydra.config.migration.old_records import final_target

    return final_target(target, project) == final_target(own, project)


def _command() -> list[str]:
    """Give the words by which this program was started, for the record."""
    program = Path(sys.executable).name
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        return [program, "-m", str(spec.name), *sys.argv[1:]]
    return [program, *sys.argv]


def _joined(
    request: Request,
    given: Mapping[str, str],
    overrides: tuple[Argument, ...],
    config_dir: str | os.PathLike[str] | None,
) -> Request:
    """Lay a command line over what code gave."""
    from pydantic import SecretStr

    container = {k: v for k, v in given.items() if k != "api_key"}
    for name, value in request.container.items():
        if name == "job_id" and container.get(name, value) != value:
            message = f"'--job_id {value}' contradicts '{container[name]}', given in code"
            raise UsageError(message, hint="name the job once")
        container[name] = value
    api_key = request.api_key
    if api_key is None and "api_key" in given:
        api_key = SecretStr(given["api_key"])
    flags = request.flags
    if config_dir is not None and flags.config_dir is None:
        flags = flags._replace(config_dir=os.fspath(config_dir))
    return request._replace(
        arguments=(*overrides, *request.arguments),
        container=container,
        api_key=api_key,
        flags=flags,
    )


def _prints_only(request: Request, job_class: type[Job], folder: Path) -> bool:
    """Answer `--help`, `--version`, `--cfg` and `--info` of a user's own script."""
    from brevetti_hydra.config.answers import answer

    def composed() -> Composition:
        target, _ = own_target(job_class)
        info = read_info(request, folder)
        return compose(
            request, folder=folder, base=Job, job_class=job_class, target=target, info=info
        )

    text = answer(request, composed, Path(sys.argv[0]).name)
    if text is not None:
        _print(text)
    return text is not None


def _print(text: str) -> None:
    try:
        print(text, flush=True)  # noqa: T201 - what was asked for
    except BrokenPipeError:
        # The reader, `head` for instance, has seen enough; Python's own last flush goes nowhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _is_interactive() -> bool:
    """Whether this is an IPython kernel, whose sys.argv belongs to the kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None
