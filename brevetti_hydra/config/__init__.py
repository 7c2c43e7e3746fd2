"""From the command line to validated settings."""

from brevetti_hydra.config.command_line.overrides import (
    Argument,
    Flags,
    Request,
    read_argv,
    read_overrides,
)
from brevetti_hydra.config.compose import compose
from brevetti_hydra.config.composition import Composition
from brevetti_hydra.config.files.search import open_repository
from brevetti_hydra.config.models.job_shapes import settings_class
from brevetti_hydra.config.project import Project, find_project
from brevetti_hydra.config.secrets import secret_texts
from brevetti_hydra.config.validate import Validated, validate

__all__ = [
    "Argument",
    "Composition",
    "Flags",
    "Project",
    "Request",
    "Validated",
    "compose",
    "find_project",
    "open_repository",
    "read_argv",
    "read_overrides",
    "secret_texts",
    "settings_class",
    "validate",
]
