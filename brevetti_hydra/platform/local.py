"""The embedded platform: a job's storage space is a folder, and info.json all it knows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from brevetti_hydra._files import make_folder, write_whole
from brevetti_hydra._json import json_bytes
from brevetti_hydra.errors import StorageReadError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from brevetti_hydra.platform.base import Completion, Delivery

__all__ = ["LocalPlatform"]

# Readers of info.json ignore keys that they do not know.
_MARK = {"platform": "local"}


class LocalPlatform:
    """Keeps a job in a folder of this machine, with the layout of the platform's bucket.

    It reads progress and metrics in the run's journal, which lies beside, and keeps no copy. An
    info.json that somebody else has put there (`--job_dir`) is never changed.
    """

    kind = "local"
    wants: frozenset[str] = frozenset()

    def __init__(self, storage_dir: Path) -> None:
        """Use a folder as storage space; nothing is made before `open`."""
        self._storage_dir = storage_dir
        self._info = storage_dir / "info.json"

    def open(self, job: Mapping[str, Any]) -> None:
        """Make the storage space and describe the job there.

        Raises:
            StorageWriteError: It cannot be written.
        """
        make_folder(self._storage_dir / "artifacts", point="storage.made")
        known = self.describe()
        if known is None:
            self._write({**job, "model_path": None, **_MARK})
        elif _is_ours(known):
            kept: dict[str, Any] = {
                key: known.get(key) for key in ("model_path", "completed") if key in known
            }
            self._write({**job, **kept, **_MARK})

    def deliver(self, event: Delivery) -> None:
        """Take an event; there is nothing to do for it here."""

    def complete(self, completion: Completion) -> None:
        """Note the model and the time of completion, once.

        Raises:
            StorageReadError: info.json cannot be read.
            StorageWriteError: It cannot be written.
        """
        known = self.describe()
        if known is None or not _is_ours(known) or known.get("completed"):
            return
        self._write({**known, "model_path": completion.model_path, "completed": completion.at})

    def describe(self) -> dict[str, Any] | None:
        """Read info.json; None if there is none.

        Raises:
            StorageReadError: It cannot be read, or is no JSON object.
        """
        try:
            found = json.loads(self._info.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StorageReadError(f"cannot read '{self._info}'", notes=[str(error)]) from error
        if not isinstance(found, dict):
            raise StorageReadError(f"'{self._info}' holds no JSON object")
        return found

    def _write(self, info: dict[str, Any]) -> None:
        content = json_bytes(info, indent=1) + b"\n"
        write_whole(self._info, content, point="info.written", durable=False)


def _is_ours(info: Mapping[str, Any]) -> bool:
    return info.get("platform") == _MARK["platform"]
