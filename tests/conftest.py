"""What every test stands on: a closed network, a clean environment, hostile paths, golden texts."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

REPOSITORY = Path(__file__).resolve().parent.parent

# A shared machine may pause for a second at any moment: no deadline says anything about the code.
settings.register_profile(
    "brevetti_hydra", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("brevetti_hydra")

# What changes how the harness behaves, and may be set on a developer's machine.
_FOREIGN_PREFIXES = ("BREVETTI", "HYDRA_", "AWS_", "SM_", "SAGEMAKER_")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden texts in tests/golden anew instead of comparing with them",
    )
    parser.addoption(
        "--no-skips", action="store_true", help="count a skipped test as failed (.ci/run)"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, pytest.TestReport]:
    """Turn a skip into a failure where `--no-skips` asks for it."""
    report: pytest.TestReport = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but --no-skips allows none: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, Any, pytest.CollectReport]:
    """Turn the skip of a whole file into a failure where `--no-skips` asks for it."""
    report: pytest.CollectReport = yield
    if report.skipped and collector.config.getoption("--no-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but --no-skips allows none: {report.longrepr}"
    return report


def _is_near(address: object) -> bool:
    """Tell whether an address is this machine: a Unix socket, or loopback."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that connects to anything but this machine, in any of its threads."""
    refused: list[object] = []

    def guarded(name: str) -> Callable[..., Any]:
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *args: Any) -> Any:
            # The address is the last argument of each of them.
            if not _is_near(args[-1]):
                refused.append(args[-1])
                message = f"the tests may not reach {args[-1]!r}"
                raise ConnectionRefusedError(message)
            return original(self, *args)

        return call

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guarded(name))
    yield
    if refused:
        pytest.fail(f"connected to {refused}; only loopback is allowed")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a developer's own environment would change."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN_PREFIXES):
            monkeypatch.delenv(name)
    # A terminal's width and colour are no part of what is tested.
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(autouse=True)
def _fresh_logging() -> None:
    """Put the package's logger back: a command line that ran in this process has set it up."""
    logger = logging.getLogger("brevetti_hydra")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True
    # import-linter's own logging set-up disables every logger that it does not know.
    logger.disabled = False


@pytest.fixture
def repository() -> Path:
    """Give the root of the checkout."""
    return REPOSITORY


@pytest.fixture
def hostile_folder(tmp_path: Path) -> Path:
    """Make a folder whose path holds what breaks careless code, and is very long."""
    name = 'it\'s a "hostile"\n folder #1 100%25 {a} $HOME ünï 日本 \N{SLIGHTLY SMILING FACE} =;&'
    folder = tmp_path / name / ("long " * 40).strip() / ("x" * 240)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/<name>; `--update-golden` writes it instead."""

    def compare(name: str, actual: str) -> None:
        path = REPOSITORY / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(actual, encoding="utf-8")
        elif not path.exists():
            pytest.fail(f"no golden text {name!r}; look at it, then run with --update-golden")
        assert path.read_text(encoding="utf-8") == actual

    return compare
