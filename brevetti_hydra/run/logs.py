"""The job's own logger: `brevetti_hydra.job.<name>`, one object a run; root is left alone."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brevetti_hydra._masks import Masking
    from brevetti_hydra.run.capture import RunLog

__all__ = ["job_logger"]

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def job_logger(
    name: str, masking: Masking, find_log: Callable[[], tuple[RunLog, bool] | None]
) -> logging.Logger:
    """Make the logger of one run.

    It obeys the levels and handlers that the program has set for its name and the names above.
    Unless a level is set there, INFO and above are shown.

    Args:
        name: The job's name.
        masking: Takes secrets out of every message.
        find_log: Gives run.log, while there is one, and whether stderr is copied there.
    """
    named = logging.getLogger(f"brevetti_hydra.job.{name}")
    # Not the shared logger of that name: runs of one job must not write into each other's logs.
    logger = logging.Logger(named.name, _level(named))  # noqa: LOG001 - the reason is above
    logger.parent = named
    logger.addHandler(_RunHandler(named, find_log))
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
    """Sees to it that each record stands in run.log once, and on stderr where nobody handles it."""

    def __init__(
        self, named: logging.Logger, find_log: Callable[[], tuple[RunLog, bool] | None]
    ) -> None:
        super().__init__()
        self._named = named
        self._find_log = find_log
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            self._write(record.levelno, self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - logging must not end a training
            self.handleError(record)

    def _write(self, level: int, text: str) -> None:
        handlers = list(_handlers(self._named, level))
        is_printed = any(map(_prints, handlers))
        if not self._named.hasHandlers() and (stderr := sys.stderr) is not None:
            stderr.write(text)
            stderr.flush()
            is_printed = True
        found = self._find_log()
        if found is None:
            return
        log, is_copied = found
        if not (is_printed and is_copied):
            log.write(text.encode("utf-8", "replace"))


def _handlers(logger: logging.Logger | None, level: int) -> Iterator[logging.Handler]:
    """Give the handlers that get a record of the logger."""
    while logger is not None:
        yield from (handler for handler in logger.handlers if level >= handler.level)
        logger = logger.parent if logger.propagate else None


def _prints(handler: logging.Handler) -> bool:
    """Tell whether a handler writes to what is copied to run.log."""
    # rich's handler has a console, logging's own a stream.
    console = getattr(handler, "console", None)
    stream = getattr(handler, "stream", None) if console is None else getattr(console, "file", None)
    return stream is not None and (stream is sys.stdout or stream is sys.stderr)
