"""What a check of a whole configuration finds, each thing once, and the report that it makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors, Place, report_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from brevetti_hydra._masks import Masking

__all__ = [
    "FINDING_CODES",
    "Counts",
    "Finding",
    "Ledger",
    "Report",
    "Severity",
    "each_of",
    "file_of",
]

Severity = Literal["error", "warning", "note"]

# Beside these, a finding bears the code of the error that a run would end in.
FINDING_CODES: dict[str, str] = {
    "unused-file": "no command line and no defaults list reads this file",
    "empty-file": "the file has no content, not even a comment",
    "unset-variable": "an environment variable is not set here",
    "written-secret": "a secret stands in the file itself",
    "no-version": "the project has versions, and the file does not say of which it is",
    "old-version": "the file is of an older version; it is migrated each time it is read",
    "not-judged": "an option that nothing could be composed with",
    "shadowed-file": "the file takes the place of another one of its name",
    "open-setting": "a setting without a value: a run has to give it",
}

_PLACE = re.compile(r"(?s)(.*?)(?::\d+){1,2}")
_NO_FILE = re.compile(r"argument \d+: |class |--job ")
_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


class Finding(NamedTuple):
    """One thing that was found.

    Attributes:
        severity: `error`: a run would end in it. `warning`: it is most likely not meant. `note`:
            good to know.
        code: That of the error, or one of FINDING_CODES.
        message: One fact.
        where: The place, or None.
        notes: What was found, a fact each.
        hint: One action, or None.
    """

    severity: Severity
    code: str
    message: str
    where: Place | None = None
    notes: tuple[str, ...] = ()
    hint: str | None = None

    @property
    def file(self) -> str:
        """The file that it is about: `""` for none, as of an argument."""
        return file_of(self.where)

    def text(self) -> str:
        """Give it in the form of all errors."""
        # A name of a file may hold the end of a line.
        head = _one_line(f"{self.severity}[{self.code}]: {self.message}")
        where = self.where
        if where is not None:
            where = Place(_one_line(where.label), where.line, _one_line(where.excerpt))
        notes, hint = map(_one_line, self.notes), _one_line(self.hint or "")
        return report_text(head, where, notes, hint)

    def as_json(self) -> dict[str, Any]:
        """Give its fields as plain values."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "file": self.file or None,
            "where": None if self.where is None else self.where.as_json(),
            "notes": list(self.notes),
            "hint": self.hint,
        }

    def without_excerpt(self) -> Finding:
        """Give it without the text of its line."""
        where = self.where
        return self if where is None else self._replace(where=where._replace(excerpt=""))

    def masked(self, masking: Masking) -> Finding:
        """Give it without secrets."""
        where = self.where
        if where is not None:
            label, line, excerpt = where
            where = Place(masking.text(label), line, masking.text(excerpt))
        return self._replace(
            message=masking.text(self.message),
            where=where,
            notes=tuple(map(masking.text, self.notes)),
            hint=None if self.hint is None else masking.text(self.hint),
        )


class Counts(NamedTuple):
    """How much was looked at.

    Attributes:
        files: YAML files of the folders that were checked.
        options: Options of groups other than `experiment`.
        experiments: Options of the group `experiment`.
        compositions: How many trees were composed and validated.
    """

    files: int
    options: int
    experiments: int
    compositions: int


class Report(NamedTuple):
    """What a check came to.

    Attributes:
        findings: By file and line; what has no file comes last.
        counts: How much was looked at.
    """

    findings: tuple[Finding, ...]
    counts: Counts

    def of(self, severity: Severity) -> list[Finding]:
        """Give the findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]


class Ledger:
    """Collects findings; what says the same about the same place counts once."""

    def __init__(self) -> None:
        self._findings: dict[tuple[str, str, str], Finding] = {}

    def add(self, finding: Finding) -> None:
        """Keep a finding, unless it is known."""
        label = "" if finding.where is None else finding.where.label
        key = (finding.code, finding.message, label)
        self._findings.setdefault(key, finding)

    def add_secret(self, finding: Finding) -> None:
        """Keep a finding about a secret, unless another tells of the same place."""
        label = "" if finding.where is None else finding.where.label
        known = {key[2] for key in self._findings if key[0] == finding.code}
        if label not in known:
            self.add(finding)

    def add_errors(self, errors: Iterable[BrevettiHydraError], note: str | None = None) -> None:
        """Keep errors; a note says what was composed."""
        for error in each_of(errors):
            notes = error.notes if note is None else (*error.notes, note)
            where = error.where
            self.add(Finding("error", error.code, error.message, where, notes, error.hint))

    def report(self, counts: Counts, masking: Masking) -> Report:
        """Make the report."""
        secret = {_line(f) for f in self._findings.values() if f.code == "written-secret"}
        masked = [
            (finding.without_excerpt() if _line(finding) in secret else finding).masked(masking)
            for finding in self._findings.values()
        ]
        return Report(tuple(sorted(masked, key=_reading_order)), counts)


def each_of(errors: Iterable[BrevettiHydraError]) -> Sequence[BrevettiHydraError]:
    """Give single errors, those inside of others too."""
    single: list[BrevettiHydraError] = []
    for error in errors:
        single += each_of(error.errors) if isinstance(error, ConfigErrors) else [error]
    return single


def file_of(where: Place | None) -> str:
    """Give the file of a place without line and column; `""` where it is none."""
    if where is None or _NO_FILE.match(where.label):
        return ""
    found = _PLACE.fullmatch(where.label)
    return where.label if found is None else found[1]


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")


def _line(finding: Finding) -> tuple[str, int]:
    line = 0 if finding.where is None else finding.where.line
    return finding.file, line or 0


def _reading_order(finding: Finding) -> tuple[bool, str, int, int, str, str]:
    where = finding.where
    line = 0 if where is None or where.line is None else where.line
    label = "" if where is None else where.label
    file = finding.file
    return (not file, file, line, _ORDER[finding.severity], label, finding.message)
