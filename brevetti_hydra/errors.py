"""Every error that the harness raises, with its code, its place and its next step.

The tree, drawn::

    BrevettiHydraError
    ├── UsageError                  usage                 exit 2
    ├── ConfigError                                       exit 2
    │   ├── ConfigErrors            invalid-config        several mistakes in one report
    │   ├── SettingError
    │   │   ├── UnknownSettingError     unknown-setting
    │   │   ├── InvalidSettingError     invalid-setting
    │   │   ├── MissingSettingError     missing-setting
    │   │   └── InterpolationError      interpolation-failed
    │   ├── OverrideSyntaxError     override-syntax
    │   ├── ConfigSyntaxError       config-syntax
    │   ├── ConfigNotFoundError     config-not-found
    │   ├── UnknownOptionError      unknown-option
    │   ├── CompositionError        composition-failed
    │   ├── OverBudgetError         over-budget
    │   ├── RefusedHydraKeyError    refused-hydra-key
    │   ├── SweepNotAskedError      sweep-not-asked
    │   ├── InvalidAxisError        invalid-axis
    │   ├── SearchError             invalid-search
    │   ├── NewerConfigError        newer-config
    │   ├── MigrationError          migration-failed
    │   └── LossyMigrationError     lossy-migration
    ├── JobClassError                                     exit 2
    │   ├── NoJobChosenError        no-job-chosen
    │   ├── TargetRefusedError      target-refused
    │   ├── TargetNotFoundError     target-not-found
    │   ├── NotAJobError            not-a-job
    │   └── ReservedNameError       reserved-name
    ├── MissingExtraError           missing-extra         exit 2
    ├── LauncherError               launcher-error        exit 2
    ├── DatasetError                                      exit 2
    │   ├── DatasetNotFoundError    dataset-not-found
    │   ├── DatasetEmptyError       dataset-empty
    │   ├── DatasetUnfitError       dataset-unfit
    │   └── ImageUnreadableError    image-unreadable
    ├── StorageError                                      exit 1
    │   ├── StorageReadError        storage-unreadable
    │   ├── StorageWriteError       storage-unwritable    exit 2
    │   └── UnsafePathError         unsafe-path
    ├── RunError                                          exit 1
    │   ├── RunNotFoundError        run-not-found         exit 2
    │   ├── SweepNotFoundError      sweep-not-found       exit 2
    │   ├── AmbiguousRunError       ambiguous-run         exit 2
    │   ├── RecordUnreadableError   record-unreadable     exit 2
    │   ├── NotRunningError         not-running
    │   ├── NotOwnerError           not-owner
    │   ├── StaleAttemptError       stale-attempt
    │   ├── WrongStateError         wrong-state           exit 2
    │   ├── TrialTakenError         trial-taken
    │   ├── ObjectiveMissingError   objective-missing
    │   ├── InvalidMetricError      invalid-metric
    │   ├── ModelNotFoundError      model-not-found
    │   └── RunFailedError          run-failed
    ├── SweepError                                        exit 1
    │   └── CodeChangedError        code-changed          exit 2
    └── PlatformError                                     exit 2
        └── PlatformNotAvailableError  platform-not-available

    RunInterrupted (a SystemExit): a run was asked to stop; no error of anybody.
    RunPruned (a SystemExit): a trial was ended as one that is not worth its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "AmbiguousRunError",
    "BrevettiHydraError",
    "CodeChangedError",
    "CompositionError",
    "ConfigError",
    "ConfigErrors",
    "ConfigNotFoundError",
    "ConfigSyntaxError",
    "DatasetEmptyError",
    "DatasetError",
    "DatasetNotFoundError",
    "DatasetUnfitError",
    "ImageUnreadableError",
    "InterpolationError",
    "InvalidAxisError",
    "InvalidMetricError",
    "InvalidSettingError",
    "JobClassError",
    "LauncherError",
    "LossyMigrationError",
    "MigrationError",
    "MissingExtraError",
    "MissingSettingError",
    "ModelNotFoundError",
    "NewerConfigError",
    "NoJobChosenError",
    "NotAJobError",
    "NotOwnerError",
    "NotRunningError",
    "ObjectiveMissingError",
    "OverBudgetError",
    "OverrideSyntaxError",
    "Place",
    "PlatformError",
    "PlatformNotAvailableError",
    "RecordUnreadableError",
    "RefusedHydraKeyError",
    "ReservedNameError",
    "RunError",
    "RunFailedError",
    "RunInterrupted",
    "RunNotFoundError",
    "RunPruned",
    "SearchError",
    "SettingError",
    "StaleAttemptError",
    "StorageError",
    "StorageReadError",
    "StorageWriteError",
    "SweepError",
    "SweepNotAskedError",
    "SweepNotFoundError",
    "TargetNotFoundError",
    "TargetRefusedError",
    "TrialTakenError",
    "UnknownOptionError",
    "UnknownSettingError",
    "UnsafePathError",
    "UsageError",
    "WrongStateError",
    "report_text",
]


class Place(NamedTuple):
    """Where something was written.

    Attributes:
        label: `conf/job/classifier.yaml:4:3`, or `argument 2: lr=abc`.
        line: The line of the file, counted from 1; None where there is no file.
        excerpt: The text of that line, without its line end; "" where there is none.
    """

    label: str
    line: int | None = None
    excerpt: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values; the line's text is for people."""
        return {"label": self.label, "line": self.line}


def report_text(head: str, where: Place | None, notes: Iterable[str], hint: str | None) -> str:
    """Write a report in the one form of all errors: what, where, notes, hint."""
    lines = [head]
    if where is not None:
        lines.append(f"  --> {where.label}")
        if where.line is not None and where.excerpt:
            lines.append(f"{where.line:4d} | {where.excerpt}")
    lines += [f"  note: {note}" for note in notes]
    if hint:
        lines.append(f"  hint: {hint}")
    return "\n".join(lines)


class BrevettiHydraError(Exception):
    """The root of every error that the harness raises.

    Attributes:
        code: Kebab-case name of the kind of error, stable across versions.
        exit_code: What the command line ends with (README, "Exit codes").
        message: One fact, without a full stop, names quoted.
        where: The place that caused it, or None.
        notes: What was found and what is allowed, a fact each.
        hint: One action that mends it, or None.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        where: Place | None = None,
        notes: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.notes = tuple(notes)
        self.hint = hint

    def __str__(self) -> str:
        """Give the whole report, as the command line prints it."""
        head = f"error[{self.code}]: {self.message}"
        return report_text(head, self.where, self.notes, self.hint)

    def as_json(self) -> list[dict[str, Any]]:
        """Give the same fields as plain values, a list because one report may hold several."""
        return [
            {
                "code": self.code,
                "message": self.message,
                "where": None if self.where is None else self.where.as_json(),
                "notes": list(self.notes),
                "hint": self.hint,
            }
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive the way between processes with all fields."""
        return (_rebuild, (type(self), self.__dict__.copy(), self.args))


def _rebuild(
    kind: type[BrevettiHydraError], state: dict[str, Any], args: tuple[Any, ...]
) -> BrevettiHydraError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(BrevettiHydraError):
    """The command line itself is wrong: an unknown flag, command or combination."""

    code = "usage"
    exit_code = 2


class ConfigError(BrevettiHydraError):
    """Something in YAML, in an override or in the tree they compose is wrong."""

    code = "config-error"
    exit_code = 2


class ConfigErrors(ConfigError):
    """All mistakes of one configuration, found in one go.

    Attributes:
        errors: The mistakes, in the order in which a reader meets their places.
    """

    code = "invalid-config"

    def __init__(self, errors: Iterable[BrevettiHydraError]) -> None:
        self.errors = tuple(errors)
        count = len(self.errors)
        super().__init__(f"{count} error{'s' * (count != 1)}; nothing was run")

    def __str__(self) -> str:
        """Give every report, then their number."""
        return "\n".join([*map(str, self.errors), self.message])

    def as_json(self) -> list[dict[str, Any]]:
        """Give the fields of every mistake."""
        return [fields for error in self.errors for fields in error.as_json()]


class SettingError(ConfigError):
    """Something is wrong with one setting.

    Attributes:
        key: Its keys from the root of the tree, a number for an element of a list; () where it is
            not known by its key.
    """

    code = "setting-error"

    def __init__(
        self,
        message: str,
        *,
        key: Sequence[str | int] = (),
        where: Place | None = None,
        notes: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, where=where, notes=notes, hint=hint)
        self.key = tuple(key)


class UnknownSettingError(SettingError):
    """A key that no model knows."""

    code = "unknown-setting"


class InvalidSettingError(SettingError):
    """A value that the setting's type or bounds refuse.

    Attributes:
        given: The text that was refused; None where it is no text, or may not be shown.
    """

    code = "invalid-setting"
    given: str | None = None


class MissingSettingError(SettingError):
    """A required setting without a value."""

    code = "missing-setting"


class OverrideSyntaxError(ConfigError):
    """An argument that is no override, or one whose value cannot be read."""

    code = "override-syntax"


class ConfigSyntaxError(ConfigError):
    """A YAML or JSON file that cannot be read as a mapping."""

    code = "config-syntax"


class ConfigNotFoundError(ConfigError):
    """A configuration folder or file that does not exist or cannot be opened."""

    code = "config-not-found"


class UnknownOptionError(ConfigError):
    """A group that has no option of that name, or no group of that name."""

    code = "unknown-option"


class CompositionError(ConfigError):
    """A defaults list that cannot be composed."""

    code = "composition-failed"


class InterpolationError(SettingError):
    """A `${...}` that does not resolve.

    Attributes:
        variable: The variable of the environment that is not set, where that is why; else None.
    """

    code = "interpolation-failed"
    variable: str | None = None


class OverBudgetError(ConfigError):
    """YAML or an override larger, deeper or wider than the budget allows."""

    code = "over-budget"


class RefusedHydraKeyError(ConfigError):
    """A key of the `hydra` node that this harness does not take."""

    code = "refused-hydra-key"


class SweepNotAskedError(ConfigError):
    """A sweep value in a run that is no sweep."""

    code = "sweep-not-asked"


class InvalidAxisError(ConfigError):
    """Values of a sweep that cannot be read, paired or counted."""

    code = "invalid-axis"


class SearchError(ConfigError):
    """A search that could not find anything, or whose parts do not fit together."""

    code = "invalid-search"


class NewerConfigError(ConfigError):
    """A file or record of a newer version than this project, or this harness, knows."""

    code = "newer-config"


class MigrationError(ConfigError):
    """A step between versions that is wrong in itself, or that a file leaves open."""

    code = "migration-failed"


class LossyMigrationError(ConfigError):
    """A step between versions that would lose what a file sets."""

    code = "lossy-migration"


class JobClassError(BrevettiHydraError):
    """The class that `job._target_` names cannot be used."""

    code = "job-class-error"
    exit_code = 2


class NoJobChosenError(JobClassError):
    """No job was named."""

    code = "no-job-chosen"


class TargetRefusedError(JobClassError):
    """The target lies outside of what configuration may load."""

    code = "target-refused"


class TargetNotFoundError(JobClassError):
    """No such module or class, or its import failed."""

    code = "target-not-found"


class NotAJobError(JobClassError):
    """The target exists, but is no subclass of Job."""

    code = "not-a-job"


class ReservedNameError(JobClassError):
    """A settings field bears a name that the harness or the platform uses."""

    code = "reserved-name"


class MissingExtraError(BrevettiHydraError):
    """A package is needed that an extra installs, or that no extra of ours has (None)."""

    code = "missing-extra"
    exit_code = 2

    def __init__(self, package: str, extra: str | None, purpose: str) -> None:
        self.package = package
        self.extra = extra
        wanted = package if extra is None else f'"brevetti-hydra[{extra}]"'
        super().__init__(
            f"'{package}' is not installed, but {purpose} needs it",
            hint=f"pip install {wanted}",
        )


class LauncherError(BrevettiHydraError):
    """What the trials of a sweep are to run in cannot be had, or does not take them."""

    code = "launcher-error"
    exit_code = 2


class DatasetError(BrevettiHydraError):
    """A dataset cannot be used."""

    code = "dataset-error"
    exit_code = 2


class DatasetNotFoundError(DatasetError):
    """A dataset's bucket does not exist or cannot be listed."""

    code = "dataset-not-found"


class DatasetEmptyError(DatasetError):
    """A dataset holds no image."""

    code = "dataset-empty"


class DatasetUnfitError(DatasetError):
    """The datasets are there, but do not hold what the job needs to learn from."""

    code = "dataset-unfit"


class ImageUnreadableError(DatasetError):
    """A file of a dataset cannot be decoded as an image."""

    code = "image-unreadable"


class StorageError(BrevettiHydraError):
    """A file of the run or of a storage space cannot be read or written."""

    code = "storage-error"


class StorageReadError(StorageError):
    """A file cannot be read."""

    code = "storage-unreadable"


class StorageWriteError(StorageError):
    """A file cannot be written: no space, no right, no folder. A run that fails by it ends in 1."""

    code = "storage-unwritable"
    exit_code = 2


class UnsafePathError(StorageError):
    """A path leaves the folder that it belongs to."""

    code = "unsafe-path"


class RunError(BrevettiHydraError):
    """A run cannot do what was asked of it."""

    code = "run-error"


class RunNotFoundError(RunError):
    """No run of that id, beginning or path."""

    code = "run-not-found"
    exit_code = 2


class SweepNotFoundError(RunError):
    """No sweep has such an id, name or path."""

    code = "sweep-not-found"
    exit_code = 2


class AmbiguousRunError(RunError):
    """Several runs or sweeps begin like that."""

    code = "ambiguous-run"
    exit_code = 2


class RecordUnreadableError(RunError):
    """A record is torn, foreign, or of a format that this version does not know."""

    code = "record-unreadable"
    exit_code = 2


class NotRunningError(RunError):
    """Something was reported or written outside of run()."""

    code = "not-running"


class NotOwnerError(RunError):
    """A forked child reported in the name of its parent's run."""

    code = "not-owner"


class StaleAttemptError(RunError):
    """An attempt that was given up as lost woke up after a newer one had begun."""

    code = "stale-attempt"


class WrongStateError(RunError):
    """The run's state does not allow this step."""

    code = "wrong-state"
    exit_code = 2


class TrialTakenError(RunError):
    """A trial that was to begin has been taken by another process, or is done."""

    code = "trial-taken"


class ObjectiveMissingError(RunError):
    """A trial ended without the metric that its sweep optimises, or that is NaN."""

    code = "objective-missing"


class InvalidMetricError(RunError):
    """A metric's name or value cannot be recorded."""

    code = "invalid-metric"


class ModelNotFoundError(RunError):
    """The path that run() returned does not exist."""

    code = "model-not-found"


class RunFailedError(RunError):
    """The job's own code raised; the command line reports it, `start` raises what was raised."""

    code = "run-failed"


class SweepError(BrevettiHydraError):
    """A sweep cannot be driven as it was planned."""

    code = "sweep-error"


class CodeChangedError(SweepError):
    """The job's source differs from what the sweep was planned with."""

    code = "code-changed"
    exit_code = 2


class PlatformError(BrevettiHydraError):
    """The platform refuses, or cannot do, what the run needs."""

    code = "platform-error"
    exit_code = 2


class PlatformNotAvailableError(PlatformError):
    """The chosen platform cannot serve this run."""

    code = "platform-not-available"


class RunInterrupted(SystemExit):
    """A run was asked to stop; raised by the next `report_progress`.

    No Exception, so that `except Exception` in a training loop does not swallow it; a SystemExit,
    so that a script that does not catch it ends as shells expect, with 130 or 143.

    Attributes:
        signal_number: The signal that asked, for instance 15 for SIGTERM.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(128 + signal_number)
        self.signal_number = signal_number

    def __str__(self) -> str:
        """Say what happened, where SystemExit would give its code."""
        return f"the run was asked to stop by signal {self.signal_number}"


class RunPruned(SystemExit):
    """A trial is not worth its time, and was asked to end; raised by the next `report_progress`.

    As with RunInterrupted, `except Exception` does not swallow it. A job may raise it itself.

    Attributes:
        reason: Who thought so, and why.
    """

    def __init__(self, reason: str = "the job gave up") -> None:
        super().__init__(0)
        self.reason = reason

    def __str__(self) -> str:
        """Say what happened, where SystemExit would give its code."""
        return f"the trial was pruned: {self.reason}"
