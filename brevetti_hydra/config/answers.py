"""Answers to `--version`, `--cfg`, `--info` and `--help`, for the command line and for scripts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from brevetti_hydra.config.describe import (
    cfg_text,
    describe_further,
    describe_settings,
    further_text,
    node_descriptions,
    settings_text,
)
from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.config.command_line.overrides import Request
    from brevetti_hydra.config.composition import Composition

__all__ = ["FLAGS_TEXT", "answer"]

FLAGS_TEXT = """\
Arguments:
  key=value             set a setting or choose an option; +key= and ++key= mean the same
  ~key                  go back to the class's default
  --key value           the same as a literal: never interpolated, JSON for lists and mappings
  --info_file PATH      the job's info.json      --job_dir DIR     where its storage space lies
  --job_id ID           an existing job          --cache_path DIR  where remote files are kept
Flags:
  -h, --help            this help                -c, --cfg job     print the composed configuration
  -i, --info [PART]     what it is made of           --resolve       with interpolations resolved
  -cd, --config-dir     a folder of YAML             -p, --package   only this node
  -cp, --config-path    instead of ./conf        --debug           debugger on failure
  -cn, --config-name    another primary config   --traceback       the whole chain of an error
  --json                one JSON document        --version         the version
  --allow-lossy         take files of older versions also where something is lost by it"""


def answer(request: Request, composed: Callable[[], Composition], program: str) -> str | None:
    """Give what a flag asks for, or None where the run is to go on.

    Args:
        request: The command line.
        composed: Composes it; called only where it is needed.
        program: The program's name.

    Raises:
        ConfigError: The configuration cannot be composed.
        UsageError: `--resolve` or `--package` stands without `--cfg`.
    """
    flags = request.flags
    if flags.version:
        from brevetti_hydra import __version__

        return f"brevetti_hydra {__version__}"
    if flags.help:
        return _script_help(composed(), program)
    if flags.cfg is not None:
        return _cfg(request, composed())
    if flags.resolve or flags.package is not None:
        flag = "--resolve" if flags.resolve else "--package"
        raise UsageError(f"'{flag}' goes with --cfg", hint="write --cfg job before it")
    if flags.info is not None:
        from brevetti_hydra.config.anatomy import describe_anatomy

        return describe_anatomy(request, Path.cwd(), composed).text
    return None


def _cfg(request: Request, composition: Composition) -> str:
    if request.flags.cfg == "hydra":
        raise UsageError(
            "there is no 'hydra' node to print", hint="use --cfg job, or --info for the files"
        )
    resolved = request.flags.resolve
    return cfg_text(composition, resolved=resolved, package=request.flags.package)


def _script_help(composition: Composition, program: str) -> str:
    width = shutil.get_terminal_size((100, 24)).columns
    settings = settings_text(describe_settings(composition), width, node_descriptions(composition))
    further = further_text(describe_further(composition), width)
    about = (composition.job_class.__doc__ or "").strip().splitlines()
    parts = [
        f"{program} [key=value ...]",
        *([about[0]] if about else []),
        "Settings:\n" + settings if settings else "This job has no settings.",
        *(["With other choices:\n" + further] if further else []),
        FLAGS_TEXT,
    ]
    return "\n\n".join(parts)
