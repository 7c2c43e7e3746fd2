"""What a benchmark prints: figures, each with the most that it may be.

A script measures the harness and its peer by turns in one run, so that a busy machine slows both,
and hands ratios (or times, where no peer exists) to `report`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Figure", "Options", "median", "read_options", "report"]


class Figure(NamedTuple):
    """One measured number.

    Attributes:
        name: What was measured, `no-op run: wall`.
        value: The number.
        at_most: The budget.
        unit: `x` for a ratio to the peer, `us` for microseconds.
        detail: The numbers behind it, for a reader.
    """

    name: str
    value: float
    at_most: float
    unit: str = "x"
    detail: str = ""


class Options(NamedTuple):
    """What every benchmark takes.

    Attributes:
        rounds: How often each side is measured.
        margin: Budgets are multiplied by it before they fail the run.
        as_json: Print the figures as one JSON document a line.
        flags: Those of the benchmark's own that were given.
    """

    rounds: int
    margin: float
    as_json: bool
    flags: frozenset[str] = frozenset()


def read_options(
    description: str | None, *, rounds: int, flags: Mapping[str, str] | None = None
) -> Options:
    """Read the command line that all benchmarks share, and flags of one's own with their help."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help="measurements of each side")
    parser.add_argument(
        "--margin", type=float, default=1.0, help="fail only above budget x margin (default 1)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document a line")
    for flag, text in (flags or {}).items():
        parser.add_argument(flag, action="append_const", dest="flags", const=flag, help=text)
    parser.set_defaults(flags=[])
    arguments = parser.parse_args()
    given = frozenset(arguments.flags)
    return Options(arguments.rounds, arguments.margin, arguments.json, given)


def median(values: Sequence[float]) -> float:
    """Give the middle one, which a pause of the machine does not move."""
    return statistics.median(values)


def report(figures: Sequence[Figure], options: Options) -> int:
    """Print the figures.

    Returns:
        0, or 1 when one of them is above its budget times the margin.
    """
    missed = [figure for figure in figures if figure.value > figure.at_most * options.margin]
    for figure in figures:
        if options.as_json:
            print(json.dumps(figure._asdict()))
            continue
        verdict = "ok" if figure.value <= figure.at_most else "MISSED"
        print(
            f"{figure.name:34} {figure.value:8.2f} {figure.unit:2}  at most {figure.at_most:6.2f}"
            f"  {verdict:6}  {figure.detail}"
        )
    sys.stdout.flush()
    return 1 if missed else 0
