"""From a command line to a Job that can be started: compose, validate, plan, bind.

Both doors come through here, `python -m brevetti_hydra job=...` and `MyJob.init()`; so they agree
on layers, search path and errors.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from brevetti_hydra._masks import Masking
from brevetti_hydra._text import shorten
from brevetti_hydra.config import (
    Argument,
    Composition,
    Request,
    Validated,
    compose,
    find_project,
    secret_texts,
    validate,
)
from brevetti_hydra.config.effects import LeftOut, find_ineffective, short_command
from brevetti_hydra.config.recorded import compose_recorded, recorded_nodes, recorded_tree
from brevetti_hydra.config.safety.credentials import known_keys, with_api_key
from brevetti_hydra.config.secrets import (
    command_words,
    held_secrets,
    may_hold_secrets,
    source_text,
)
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigNotFoundError,
    NotAJobError,
    PlatformNotAvailableError,
    UsageError,
)
from brevetti_hydra.job import Job
from brevetti_hydra.job_class import check_job_class, job_ref, own_target, package_folders
from brevetti_hydra.settings import ReservedNodes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from brevetti_hydra.run.events import Observer
    from brevetti_hydra.run.folders import RunFolder
    from brevetti_hydra.run.git import GitProbe

__all__ = [
    "RESUME_VARIABLE",
    "Ready",
    "open_run",
    "prepare",
    "read_info",
    "refuse_remote",
    "refuse_unknown_id",
    "remote_job_error",
    "reopen_run",
    "secrets_of",
]

# Names the run's folder to a script that `resume` starts again; its `init` takes that run up.
RESUME_VARIABLE = "BREVETTI_HYDRA_RESUME"

_REMOTE_ONLY = ("host", "data_bucket", "serialize_schema")


class Ready(NamedTuple):
    """A validated configuration, before anything is written.

    Attributes:
        composition: The tree with its origins.
        validated: The settings and reserved nodes.
        entry: How the class is reached again (`JobRef.entry`).
    """

    composition: Composition
    validated: Validated
    entry: Literal["target", "script", "interactive"]


def prepare(request: Request, folder: Path, job_class: type[Job] | None = None) -> Ready:
    """Compose and validate a command line.

    Args:
        request: The command line, read.
        folder: Where it was started.
        job_class: The job, where code has it already.

    Raises:
        ConfigError: The configuration is wrong; all mistakes are in it.
        JobClassError: The job cannot be loaded.
        PlatformError: What was asked for needs the remote platform.
    """
    _refuse_sweep(request)
    refuse_remote(request)
    try:
        return _prepared(request, folder, job_class)
    except BrevettiHydraError as error:
        # A key may have come into a setting by a variable of the shell.
        Masking(known_keys(request)).error(error)
        raise


def _prepared(request: Request, folder: Path, job_class: type[Job] | None) -> Ready:
    target = None
    entry: Literal["target", "script", "interactive"] = "target"
    if job_class is not None:
        target, entry = own_target(job_class)
    info = read_info(request, folder)
    composition = compose(
        request, folder=folder, base=Job, job_class=job_class, target=target, info=info
    )
    check_job_class(composition.job_class)
    return Ready(composition, validate(composition), entry)


def open_run(
    request: Request,
    *,
    folder: Path,
    command: Sequence[str],
    job_class: type[Job] | None = None,
    observers: Iterable[Observer] = (),
    stdout_to_stderr: bool = False,
    git: GitProbe | None = None,
) -> Job:
    """Open a run as a command line says; nothing is written.

    Args:
        request: The command line, read.
        folder: Where it was started.
        command: The command line for the record.
        job_class: The job, where code has it already.
        observers: Told of each event of the run.
        stdout_to_stderr: Send what the job prints to stderr.
        git: A look at the source tree that was begun earlier.

    Raises:
        ConfigError: The configuration is wrong; all mistakes are in it.
        JobClassError: The job cannot be loaded.
        PlatformError: What was asked for needs the remote platform.
        RunError: The run that is to be opened cannot be.
    """
    from brevetti_hydra.run.context import RunContext
    from brevetti_hydra.run.plan import ConfigText, RunPlan

    request = with_api_key(request)
    ready = prepare(request, folder, job_class)
    refuse_unknown_id(request, ready.validated)
    composition, validated = ready.composition, ready.validated
    if composition.hydra.verbose:
        import logging

        logging.getLogger("brevetti_hydra").setLevel(logging.DEBUG)
    nodes = ReservedNodes(validated.job, validated.platform, _with_debug(validated, request))
    secrets = secrets_of(composition, validated, request)
    left_out = find_ineffective(composition, request, Job)
    plan = RunPlan(
        job=job_ref(composition, ready.entry),
        settings=validated.settings,
        settings_json=validated.settings_json,
        job_node=nodes.job,
        platform_node=nodes.platform,
        run_node=nodes.run,
        recorded=recorded_nodes(composition, nodes),
        config=recorded_tree(composition),
        origins=composition.origins(),
        choices=composition.choices,
        config_version=composition.versions,
        sources=[
            ConfigText(
                document.label,
                source_text(document, composition).encode(),
                is_compared=not may_hold_secrets(composition.shape()),
            )
            for document in composition.documents
            if document.text
        ],
        overrides=[argument.shown for argument in composition.arguments],
        command=command_words(command, composition),
        short_command=_short_command(command, request, composition, left_out),
        left_out=[(each.argument.shown, each.reason) for each in left_out],
        info=composition.info,
        start_folder=os.fspath(folder),
        job_dir=request.container.get("job_dir"),
        cache_path=request.container.get("cache_path"),
        secrets=secrets,
        warnings=[*composition.notices, *validated.warnings],
        package_folders=package_folders(composition.job_class),
    )
    context = RunContext(plan, observers=observers, stdout_to_stderr=stdout_to_stderr, git=git)
    return _bind(composition.job_class, validated, context)


def _short_command(
    command: Sequence[str],
    request: Request,
    composition: Composition,
    left_out: Sequence[LeftOut],
) -> list[str]:
    if not left_out:
        return []
    return command_words(short_command(command, request, left_out), composition)


def reopen_run(
    run: RunFolder,
    *,
    folder: Path,
    job_class: type[Job] | None = None,
    given: Sequence[Argument] = (),
    allow_lossy: bool = False,
    observers: Iterable[Observer] = (),
    stdout_to_stderr: bool = False,
) -> Job:
    """Open an existing run from its record alone, to browse it or to start a new attempt.

    Args:
        run: Its folder.
        folder: The working directory.
        job_class: The job, where code has it already; else the record names it.
        given: Secrets, given again: a record does not hold them.
        allow_lossy: Take a record of an older version also where something is lost by it.
        observers: Told of each event of the run.
        stdout_to_stderr: Send what the job prints to stderr.

    Raises:
        RunError: The record cannot be read.
        JobClassError: The class is not there any more.
        ConfigErrors: The class has changed, so that the recorded settings do not validate; or a
            secret is missing.
        UsageError: Settings are given that the record does hold.
    """
    from brevetti_hydra.config.safety.targets import load_target
    from brevetti_hydra.run.context import RunContext
    from brevetti_hydra.run.history import read_record, read_snapshot
    from brevetti_hydra.run.plan import RunPlan

    record, snapshot = read_record(run), read_snapshot(run)
    run = run.at_storage(record.storage)
    project, target = find_project(folder), record.job.target
    if project.migrations is not None:
        from brevetti_hydra.config.migration.old_records import moved_target

        target = moved_target(target, project)
    if job_class is None:
        job_class = load_target(target, project, Job)
    composition = compose_recorded(
        snapshot,
        job_class,
        target,
        folder,
        given=given,
        allow_lossy=allow_lossy,
        is_to_run=record.state.is_resumable,
    )
    validated = validate(composition)
    plan = RunPlan(
        job=record.job,
        settings=validated.settings,
        settings_json=validated.settings_json,
        job_node=validated.job,
        platform_node=validated.platform,
        run_node=validated.run,
        recorded=recorded_nodes(
            composition, ReservedNodes(validated.job, validated.platform, validated.run)
        ),
        config=snapshot.config,
        origins=snapshot.origins,
        choices=snapshot.choices,
        config_version=snapshot.config_version,
        overrides=record.overrides,
        command=record.command,
        info=_recorded_info(run),
        start_folder=snapshot.start_folder,
        trial=record.trial,
        secrets=secrets_of(composition, validated),
        warnings=composition.notices,
        package_folders=package_folders(job_class),
    )
    context = RunContext.reopen(run, plan, observers=observers, stdout_to_stderr=stdout_to_stderr)
    return _bind(job_class, validated, context)


def _recorded_info(run: RunFolder) -> dict[str, Any] | None:
    """Read the run's own info.json, which holds no secret: datasets and tags that it was sent."""
    from brevetti_hydra.platform.info import parse_info

    if not run.info.is_file():
        return None
    info: dict[str, Any] = parse_info(run.info.read_bytes(), label=str(run.info))
    return info


def refuse_remote(request: Request) -> None:
    """Refuse what only a remote platform could serve.

    Raises:
        PlatformNotAvailableError: Such a container argument is given.
    """
    for name in _REMOTE_ONLY:
        if name in request.container:
            raise PlatformNotAvailableError(
                f"'--{name}' needs the remote platform, which this version does not have",
                hint="leave it out: the run is then a run of the local platform",
            )


def _refuse_sweep(request: Request) -> None:
    if request.flags.dry_run:
        raise UsageError("'--dry-run' is for sweeps", hint="add -m, or take it out")
    if request.flags.multirun:
        raise UsageError(
            "'-m' asks for a sweep, and this starts a single run",
            hint="start it from the command line: brevetti-hydra -m job=...",
        )


def refuse_unknown_id(request: Request, validated: Validated) -> None:
    """Refuse an id that nothing here describes: it would silently become another job's run.

    Raises:
        PlatformNotAvailableError: Such an id is given, or configured.
    """
    job_id = request.container.get("job_id") or validated.platform.job_id
    if job_id is None or "info_file" in request.container:
        return
    if request.api_key is not None:
        raise remote_job_error(job_id)
    raise PlatformNotAvailableError(
        f"the job '{job_id}' is not described by any info file",
        notes=["the command line starts new runs, or the job of an info.json"],
        hint=f"give --info_file info.json; to go on with a recorded run: resume {job_id}",
    )


def remote_job_error(job_id: str) -> PlatformNotAvailableError:
    """Say that a job with a key would have to be fetched from a server."""
    return PlatformNotAvailableError(
        f"the job '{job_id}' cannot be fetched: this version has no remote platform",
        notes=["an id with a key names a job on a server"],
        hint="download the job's info.json and give it with --info_file info.json",
    )


def read_info(request: Request, folder: Path) -> dict[str, Any] | None:
    """Read the info.json that the command line names, or give None.

    Raises:
        ConfigError: It cannot be read, or is none.
        UsageError: It describes another job than `--job_id` names.
    """
    path = request.container.get("info_file")
    if path is None:
        return None
    from brevetti_hydra.platform.info import MOST_BYTES, parse_info

    try:
        with (folder / path).open("rb") as stream:
            # One byte more than allowed is enough to see that it is too large, or never ends.
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: no file system has such a name
        message = f"cannot read the info file '{shorten(path)}'"
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigNotFoundError(message, notes=[reason]) from error
    info: dict[str, Any] = parse_info(content, label=path)
    job_id = request.container.get("job_id")
    if job_id is not None and info.get("id") not in (None, job_id):
        raise UsageError(
            f"the job '{job_id}' is not that of '{path}', which is '{info['id']}'",
            hint="leave --job_id out: the file names the job",
        )
    return info


def secrets_of(
    composition: Composition, validated: Validated, request: Request | None = None
) -> list[str]:
    """Give every secret text that a run may meet, wherever it came from.

    Args:
        composition: The tree.
        validated: The settings.
        request: The line, where it is that of the run itself.

    Raises:
        UsageError: The file that BREVETTI_API_KEY_FILE names cannot be read.
    """
    key = (composition.info or {}).get("api_key")
    return [
        *secret_texts(composition),
        *held_secrets(validated.settings),
        *known_keys(request),
        *([str(key)] if key else []),
    ]


def _with_debug(validated: Validated, request: Request) -> Any:
    if not request.flags.debug:
        return validated.run
    return validated.run.model_copy(update={"debug": True})


def _bind(job_class: type[Any], validated: Validated, context: Any) -> Job:
    try:
        job = job_class(validated.settings, context)
    except BrevettiHydraError:
        raise
    except Exception as error:  # a class of the user may raise anything
        raise NotAJobError(
            f"'{job_class.__name__}' cannot be built",
            notes=[context.masking.text(f"{type(error).__name__}: {error}")],
            hint="a Job's __init__ takes (settings, context); do your set-up in run()",
        ) from error
    if not isinstance(job, Job):
        message = f"'{job_class.__name__}' is no subclass of Job"
        raise NotAJobError(message)
    return job
