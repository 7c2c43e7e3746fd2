"""What every test stands on: a closed network, a clean environment, hostile paths, golden texts."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from brevetti_hydra._clock import format_utc, parse_utc
from brevetti_hydra.record import Attempt, Failure, JobRef, RunRecord, RunState, TrialRef
from brevetti_hydra.sweep.folders import SweepFolder, trial_name
from brevetti_hydra.sweep.record import Objective, PlannedTrial, SweepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent

# A shared machine may pause for a second at any moment: no deadline says anything about the code.
settings.register_profile(
    "brevetti_hydra", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("brevetti_hydra")

SWEEP_BEGIN = parse_utc("2026-11-23T10:15:00.000Z")
SWEEP_ID = "7a1f7ef7-7287-43a1-b34d-71d8fc1f01aa"

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


@pytest.fixture(autouse=True)
def _own_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget what a test has imported from its own folder; another test's may bear its name."""
    before = set(sys.modules)
    yield
    folder = str(tmp_path_factory.getbasetemp())
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if isinstance(file, str) and file.startswith(folder):
            del sys.modules[name]


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


class Trial(NamedTuple):
    """What became of a trial.

    Attributes:
        varied: Its settings.
        metrics: Its output metrics.
        state: Its state; `planned` leaves no folder.
        failure: Why it failed.
        progress: Its last progress.
        states: Of its attempts; default: one in its state.
        repeat: Which of the repeats it is.
    """

    varied: dict[str, Any]
    metrics: Mapping[str, float] = {}
    state: RunState = RunState.COMPLETED
    failure: Failure | None = None
    progress: Mapping[str, float] = {}
    states: tuple[RunState, ...] = ()
    repeat: int = 0


@pytest.fixture
def make_sweep(tmp_path: Path) -> Callable[..., SweepFolder]:
    """Give a function that writes a sweep of some trials, one minute each, one after another.

    A trial is a mapping with the attributes of `Trial`.
    """

    def make(
        ends: Sequence[dict[str, Any]], objectives: dict[str, Any] | None = None, **changes: Any
    ) -> SweepFolder:
        trials = [Trial(**end) for end in ends]
        ways = {"accuracy": "maximize"} if objectives is None else objectives
        sweep_id = changes.get("sweep_id", SWEEP_ID)
        folder = SweepFolder.named(tmp_path / "runs", "classifier", sweep_id, SWEEP_BEGIN)
        folder.root.mkdir(parents=True)
        planned = [_plan_trial(number, trial, sweep_id) for number, trial in enumerate(trials)]
        record = SweepRecord(
            **{
                "sweep_id": sweep_id,
                "folder": folder.name,
                "created": format_utc(SWEEP_BEGIN),
                "command": ("brevetti-hydra", "-m", "job=classifier", "lr=0.1,0.01"),
                "trial_command": ("brevetti-hydra",),
                "overrides": ("job=classifier", "lr=0.1,0.01"),
                "start_folder": str(tmp_path),
                "jobs": ("classifier",),
                "varied": tuple(dict.fromkeys(key for each in trials for key in each.varied)),
                "trials": len(trials),
                "objectives": tuple(
                    Objective(name=name, direction=way) for name, way in ways.items()
                ),
                "sweep": {},
                "launcher": {},
                "code_sha256": "",
                "harness": "0.1.0",
                **changes,
            }
        )
        folder.plan.write_bytes(b"".join(each.line() for each in planned))
        folder.record.write_text(record.model_dump_json(), encoding="utf-8")
        for trial, each in zip(trials, planned, strict=True):
            if trial.state is not RunState.PLANNED:
                _write_trial(folder, each, trial)
        return folder

    return make


def _plan_trial(number: int, trial: Trial, sweep_id: str) -> PlannedTrial:
    digits = hashlib.sha256(f"{sweep_id}-{number}".encode()).hexdigest()
    run_id = f"{digits[:8]}-{digits[8:12]}-4000-8000-000000000000"
    return PlannedTrial(
        number=number,
        key=f"key-{number}",
        run_id=run_id,
        folder=trial_name(number, "classifier", run_id),
        job="classifier",
        base="base",
        values=[],
        varied=trial.varied,
        overrides=["job=classifier", *(f"{key}={value}" for key, value in trial.varied.items())],
        repeat=trial.repeat,
        seed=trial.repeat,
    )


def _write_trial(folder: SweepFolder, planned: PlannedTrial, trial: Trial) -> None:
    begin = SWEEP_BEGIN + 60 * planned.number
    is_open = not trial.state.is_finished
    states = trial.states or (trial.state,)
    step = 60 / len(states)
    attempts = tuple(
        Attempt(
            number=index + 1,
            host="elsewhere",
            boot_id="",
            pid=1,
            process_started="",
            # Of one that runs elsewhere, nobody has heard for long enough to say that it is gone.
            lease_s=1e12,
            started=format_utc(begin + index * step),
            ended=None if is_open else format_utc(begin + (index + 1) * step),
            state=state,
        )
        for index, state in enumerate(states)
    )
    record = RunRecord(
        run_id=planned.run_id,
        folder=planned.folder,
        job=JobRef(name="classifier", target="my.train:MyJob"),
        state=trial.state,
        created=format_utc(begin),
        ended=None if is_open else format_utc(begin + 60),
        duration_s=None if is_open else 60.0,
        seed=planned.seed,
        overrides=tuple(planned.overrides),
        command=("brevetti-hydra", *planned.overrides),
        settings=dict(planned.varied),
        attempts=attempts,
        metrics=dict(trial.metrics),
        progress=dict(trial.progress),
        failure=trial.failure,
        storage="storage",
        trial=TrialRef(sweep=folder.name, number=planned.number, key=planned.key),
    )
    run = folder.trial(planned.folder)
    run.root.mkdir()
    run.record.write_text(record.model_dump_json(), encoding="utf-8")
    run.log.write_text("hello\n", encoding="utf-8")
    if is_open:
        run.claim.write_text('{"attempt": 1, "pid": 1}\n', encoding="utf-8")
