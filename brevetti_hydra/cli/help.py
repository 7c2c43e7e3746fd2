"""`brevetti-hydra --help`: commands, flags, groups with their options, a job's settings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra.cli.commands import COMMANDS
from brevetti_hydra.completion.keep import keep_settings
from brevetti_hydra.config import compose, find_project, open_repository
from brevetti_hydra.config.describe import (
    describe_further,
    describe_settings,
    further_text,
    groups_text,
    node_descriptions,
    settings_text,
)
from brevetti_hydra.config.files.groups import list_groups
from brevetti_hydra.errors import BrevettiHydraError, NoJobChosenError
from brevetti_hydra.job import Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config import Composition, Request
    from brevetti_hydra.config.files.groups import Group

__all__ = ["FLAGS", "say_help"]

_USAGE = """\
Train models from YAML and the command line, and keep a record of every run.

  brevetti-hydra job=NAME [KEY=VALUE ...]     run a job: job=classifier lr=0.01
  brevetti-hydra job=my_pkg.train:MyJob ...   run a class of your own
  brevetti-hydra COMMAND ...                  look at runs; COMMAND --help tells more
  python -m brevetti_hydra ...                the same"""

_OVERRIDES = """\
Overrides
  lr=0.01            set a setting; nested: model.hidden=32; null, true, [1,2], {a: 1}
  --lr 0.01          the same, taken literally
  ~lr                back to the default of the class
  job=classifier     choose an option of a group (below)
  +experiment=NAME   add an option of a group that is not in the defaults list
  run.seed=1 run.name=first run.tags=[a,b] run.root=DIR   how it runs and what is kept"""

# Flag -> what it does; the reader of the line knows the same ones (a test compares).
FLAGS: dict[str, str] = {
    "-h, --help": "this; with a job, also its settings",
    "--version": "the version",
    "-c, --cfg job": "print the composed configuration and run nothing",
    "--resolve": "with --cfg: resolve interpolations",
    "-p, --package KEY": "with --cfg: only this node",
    "-m, --multirun": "a sweep: a run for each combination of values, as lr=0.1,0.01",
    "--dry-run": "with -m: check all of them, print them, and run nothing",
    "-i, --info [PART]": "print what the configuration is made of (PART: config, defaults, ...)",
    "-cn, --config-name NAME": "another primary config than 'brevetti'",
    "-cp, --config-path DIR": "a folder in the place of ./conf",
    "-cd, --config-dir DIR": "one more folder of configuration",
    "--allow-lossy": "take files of older versions also where something is lost by it",
    "--debug": "debugger where the run fails",
    "--json": "print one JSON document; --json=lines one a line",
    "--traceback": "print the traceback of an error as well",
}

_CONTAINER = """\
A job that a platform describes
  --info_file PATH   its info.json: settings, datasets, tags
  --job_dir DIR      the folder of its storage space, in the place of the run's own
  --cache_path DIR   where copies of remote files are kept
  --job_id ID        an existing job (also --model_id, --test_id); --api_key KEY goes with it"""

_WIDEST = 110


def say_help(request: Request, reply: Reply) -> int:
    """Print the help; the answer holds groups and settings as values."""
    folder = Path.cwd()
    groups = list_groups(open_repository(request, find_project(folder), folder))
    composition = _composition(request, folder)
    if composition is not None:
        keep_settings(composition.job_class, composition.target, folder)
    text = _text(groups, composition)
    reply.say(text)
    reply.answer(_document(text, groups, composition))
    return 0


def _composition(request: Request, folder: Path) -> Composition | None:
    """Compose where a job is chosen; a mistake in what was asked for is an error."""
    try:
        return compose(request, folder=folder, base=Job)
    except NoJobChosenError:
        return None
    except BrevettiHydraError:
        if request.arguments:
            raise
        return None


def _text(groups: Sequence[Group], composition: Composition | None) -> str:
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    commands = {f"{name} {command.words}": command.summary for name, command in COMMANDS.items()}
    blocks = [
        _USAGE,
        "Commands\n" + _listed(commands),
        _OVERRIDES,
        _CONTAINER,
        "Flags\n" + _listed(FLAGS),
        "Groups and options\n" + groups_text(groups, width),
    ]
    if composition is not None:
        lines = describe_settings(composition)
        about = node_descriptions(composition)
        settings = settings_text(lines, width, about) if lines else "  it has none"
        blocks.append(f"Settings of {composition.job_name} ({composition.target})\n{settings}")
        further = further_text(describe_further(composition), width)
        blocks += [f"With other choices\n{further}"] if further else []
    else:
        blocks.append("With a job, --help lists its settings: brevetti-hydra job=NAME --help")
    return "\n\n".join(blocks)


def _listed(facts: dict[str, str]) -> str:
    widest = max(map(len, facts))
    return "\n".join(f"  {name:{widest}}  {text}" for name, text in facts.items())


def _document(
    text: str, groups: Sequence[Group], composition: Composition | None
) -> dict[str, Any]:
    lines = [] if composition is None else describe_settings(composition)
    return {
        "help": text,
        "commands": {name: command.summary for name, command in COMMANDS.items()},
        "groups": {group.name: [option._asdict() for option in group.options] for group in groups},
        "settings": [line._asdict() for line in lines],
        "further": [
            {"when": each.when, "settings": [line._asdict() for line in each.settings]}
            for each in ([] if composition is None else describe_further(composition))
        ],
    }
