"""What a line with `-m` says beside its overrides: it is the same for all trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.config.safety.masks import masked_argument
from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config import Request

__all__ = ["check_shared", "trial_command"]


def check_shared(request: Request) -> None:
    """Refuse what several trials cannot share.

    Raises:
        UsageError: The line names one storage space, or asks for a debugger.
    """
    if "job_dir" in request.container:
        raise UsageError(
            "'--job_dir' is the storage space of one run, and a sweep has many",
            notes=["each trial has a storage space of its own, in its run folder"],
            hint="choose where they lie by run.root=DIR",
        )
    if request.flags.debug:
        raise UsageError(
            "'--debug' is for a single run", hint="take -m out, and give each setting one value"
        )


def trial_command(command: Sequence[str], request: Request) -> tuple[str, ...]:
    """Give the words that the line of a trial alone begins with; its overrides follow.

    A key is left out: it comes from the environment, and a mask would be taken for it.

    Args:
        command: The line of the sweep, with the program's own words.
        request: The same, read.
    """
    flags = request.flags
    valued = {
        "--config-path": flags.config_path,
        "--config-dir": flags.config_dir,
        "--config-name": flags.config_name,
        **{f"--{name}": value for name, value in request.container.items()},
    }
    words = [*command[: len(command) - request.word_count]]
    words += [word for name, value in valued.items() if value for word in (name, value)]
    words += ["--allow-lossy"] if flags.allow_lossy else []
    return tuple(map(masked_argument, words))
