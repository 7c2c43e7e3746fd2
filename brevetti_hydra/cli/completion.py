"""`brevetti-hydra completion SHELL`: print the script that completes in a shell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from brevetti_hydra.cli.arguments import CommandParser
from brevetti_hydra.completion.cache import cache_folder
from brevetti_hydra.completion.shells import SHELLS, script_text

if TYPE_CHECKING:
    import argparse

    from brevetti_hydra.cli.reply import Reply

__all__ = ["build_parser", "execute"]

_EPILOG = """\
load it in every shell:
  bash  eval "$(brevetti-hydra completion bash)"       in ~/.bashrc
  zsh   eval "$(brevetti-hydra completion zsh)"        in ~/.zshrc
  fish  brevetti-hydra completion fish | source        in ~/.config/fish/config.fish"""


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser(
        "completion", "Print a script that completes the command line.", epilog=_EPILOG
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to read the script")
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Print the script; the answer holds it."""
    script = script_text(arguments.shell)
    reply.write_raw(script)
    reply.answer({"shell": arguments.shell, "script": script, "cache": cache_folder(os.environ)})
    return 0
