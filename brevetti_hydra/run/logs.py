"""The job's own logger: `brevetti_hydra.job.<name>`, one object a run; root is left alone."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.run.masking import Masking

__all__ = ["job_logger"]

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def job_logger(
    name: str, masking: Masking, write_log: Callable[[], Callable[[str], None] | None]
) -> logging.Logger:
    """Make the logger of one run.

    It obeys the levels and handlers that the program has set for its name and the names above.
    Unless a level is set there, INFO and above are shown.

    Args:
        name: The job's name.
        masking: Takes secrets out of every message.
        write_log: Gives what writes a line to run.log itself, or None while stderr is copied there.
    """
    named = logging.getLogger(f"brevetti_hydra.job.{name}")
    # Not the shared logger of that name: runs of one job must not write into each other's logs.
    logger = logging.Logger(named.name, _level(named))  # noqa: LOG001 - the reason is above
    logger.parent = named
    logger.addHandler(_RunHandler(named, write_log))
    if masking.has_secrets:
        logger.addFilter(lambda record: _mask(record, masking))
    return logger


def _level(named: logging.Logger) -> int:
    logger: logging.Logger | None = named
    while logger is not None and logger.parent is not None:
        if logger.level:
            return logging.NOTSET
        logger = logger.parent
    root = logging.getLogger()
    # A root that asks for more than INFO gets it; WARNING is its default, which nobody asked for.
    return min(logging.INFO, root.level or logging.INFO)


def _mask(record: logging.LogRecord, masking: Masking) -> bool:
    record.msg, record.args = masking.text(record.getMessage()), ()
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    if record.exc_text:
        record.exc_text = masking.text(record.exc_text)
        record.exc_info = None
    return True


class _RunHandler(logging.Handler):
    """Writes to stderr where nobody else does, and to run.log where stderr is not copied there."""

    def __init__(
        self, named: logging.Logger, write_log: Callable[[], Callable[[str], None] | None]
    ) -> None:
        super().__init__()
        self._named = named
        self._write_log = write_log
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            write = self._write_log()
            text = self.format(record) + "\n"
            if write is not None:
                write(text)
            if not self._named.hasHandlers() and (stderr := sys.stderr) is not None:
                stderr.write(text)
                stderr.flush()
        except Exception:  # noqa: BLE001 - logging must not end a training
            self.handleError(record)
