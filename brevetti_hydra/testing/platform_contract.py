"""What a platform must do, as tests to run against one of your own.

Subclass the contract in a test module, say how a platform is made, and let pytest collect it::

    class TestMyPlatform(PlatformContract):
        def make(self, tmp_path):
            return MyPlatform(tmp_path / "space")

Calling `make` twice with one folder must give the same platform again, as another process would
find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from brevetti_hydra.platform import Delivery
from brevetti_hydra.platform.base import Completion

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.platform import Platform

__all__ = ["PlatformContract"]

_RUN_ID = "4f1c9a12-0000-4000-8000-0123456789ab"
_JOB: dict[str, Any] = {
    "id": _RUN_ID,
    "name": 'größe "1" %20',
    "run_id": "20261123T101500Z-classifier-4f1c9a1200",
    "api_key": None,
    "settings": {"lr": 0.01, "model": {"hidden": 32}, "classes": {"a b": "ü"}},
    "datasets": [{"id": "d1", "name": "digits", "bucket": "/d", "tags": []}],
    "tags": [{"name": "nightly"}],
}


class PlatformContract:
    """A platform, as one job sees it."""

    def make(self, tmp_path: Path) -> Platform:
        """Make a platform, or find the one that was made before in the same folder.

        Args:
            tmp_path: A folder of the test's own.

        Raises:
            NotImplementedError: The subclass does not say how.
        """
        raise NotImplementedError

    def test_knows_nothing_at_first(self, tmp_path: Path) -> None:
        """Before it was opened, a platform describes no job."""
        _expect(None, self.make(tmp_path).describe())

    def test_describes_the_job(self, tmp_path: Path) -> None:
        """What a job was opened with is described, by another process too."""
        self.make(tmp_path).open(_JOB)
        found = self.make(tmp_path).describe() or {}
        _expect(_JOB, {key: found.get(key) for key in _JOB})

    def test_completes(self, tmp_path: Path) -> None:
        """A completed job has its model's path."""
        platform = self.make(tmp_path)
        platform.open(_JOB)
        platform.complete(_completion("artifacts/model.tar.gz"))
        _expect("artifacts/model.tar.gz", self._model(tmp_path))

    def test_completes_without_a_model(self, tmp_path: Path) -> None:
        """A job need not have a model."""
        platform = self.make(tmp_path)
        platform.open(_JOB)
        platform.complete(_completion(None))
        _expect(None, self._model(tmp_path))

    def test_completes_once(self, tmp_path: Path) -> None:
        """A completion that comes again, from another process, changes nothing."""
        self.make(tmp_path).open(_JOB)
        self.make(tmp_path).complete(_completion("artifacts/model.tar.gz"))
        first = self.make(tmp_path).describe()
        self.make(tmp_path).complete(_completion("artifacts/model.tar.gz"))
        _expect(first, self.make(tmp_path).describe())

    def test_takes_events_again(self, tmp_path: Path) -> None:
        """An event that comes again, of whatever kind, changes nothing."""
        platform = self.make(tmp_path)
        platform.open(_JOB)
        events = [
            Delivery(_RUN_ID, 3, "progress", {"epoch": 1, "metrics": {"loss": "NaN"}}),
            Delivery(_RUN_ID, 4, "metric", {"name": "accuracy", "value": 0.5}),
            Delivery(_RUN_ID, 5, "artifact", {"artifact": _artifact("a b/ü.html")}),
        ]
        for event in events:
            platform.deliver(event)
        first = platform.describe()
        for event in events:
            self.make(tmp_path).deliver(event)
        _expect(first, self.make(tmp_path).describe())

    def test_opens_again(self, tmp_path: Path) -> None:
        """A later attempt opens the same job, and what it was completed with stays."""
        self.make(tmp_path).open(_JOB)
        self.make(tmp_path).open(_JOB)
        self.make(tmp_path).complete(_completion("artifacts/m.bin"))
        self.make(tmp_path).open(_JOB)
        _expect("artifacts/m.bin", self._model(tmp_path))

    def test_says_what_it_wants(self, tmp_path: Path) -> None:
        """A platform has a name, and wants kinds of events that there are."""
        platform = self.make(tmp_path)
        _expect(
            (True, set()),
            (bool(platform.kind), set(platform.wants) - {"progress", "metric", "artifact"}),
        )

    def _model(self, tmp_path: Path) -> Any:
        return (self.make(tmp_path).describe() or {}).get("model_path")


def _completion(model_path: str | None) -> Completion:
    return Completion(_RUN_ID, 9, "2026-11-23T10:15:00.250Z", model_path)


def _artifact(path: str) -> dict[str, Any]:
    return {"path": path, "size_bytes": 1, "sha256": "0" * 64}


def _expect(expected: object, actual: object) -> None:
    # pytest rewrites `assert` in test modules only: this says what differs.
    if expected != actual:
        message = f"expected {expected!r}, found {actual!r}"
        raise AssertionError(message)
