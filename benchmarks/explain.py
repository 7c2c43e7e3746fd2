"""Explaining every key of a large configuration, beside composing it and nothing else.

25 files write 300 keys of a class that has them all; some refer to others. Both sides run in this
process by turns, with all modules loaded; the second composes, and explains all 300 keys.

    python benchmarks/explain.py [--rounds 41] [--margin 1.0]
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import Figure, median, read_options, report

if TYPE_CHECKING:
    from collections.abc import Callable

RATIO_AT_MOST = 1.5
GROUPS, KEYS_EACH = 24, 12
KEYS = GROUPS * KEYS_EACH + 12


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=41)
    from brevetti_hydra import Job
    from brevetti_hydra.config import compose, read_argv
    from brevetti_hydra.config.explaining.explain import explain

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        request = read_argv(["job=train:Large", "group_3.key_4=5", "~group_4.key_1", "epochs=7"])

        def composed() -> None:
            compose(request, folder=folder, base=Job)

        def explained() -> None:
            found = explain(compose(request, folder=folder, base=Job))
            assert len(found) == KEYS

        # The first of each pays for imports, and for reading the class's source.
        composed()
        explained()
        bare, whole = [], []
        for _ in range(options.rounds):
            bare.append(seconds_of(composed))
            whole.append(seconds_of(explained))
    figure = Figure(
        "explain 300 keys of 25 files",
        median(whole) / median(bare),
        RATIO_AT_MOST,
        detail=f"{median(whole) * 1e3:.1f} ms against {median(bare) * 1e3:.1f} ms for composing",
    )
    return report([figure], options)


def write(folder: Path) -> None:
    """Write the job's module, a primary config, and an option for each of 24 groups."""
    source = ["from brevetti_hydra import Field, Job, JobSettings", "", ""]
    fields = ["class Settings(JobSettings):"]
    defaults = ["defaults:"]
    for group in range(GROUPS):
        source.append(f"class Group{group}(JobSettings):")
        rows = ["# A group of the benchmark."]
        for key in range(KEYS_EACH):
            source.append(f'    key_{key}: float = Field({key}, ge=0, description="number {key}")')
            rows.append(f"key_{key}: {group + key / 100}  # a comment")
        if group % 4 == 3:
            rows[1] = "key_0: ${epochs}"
        option = folder / "conf" / f"group_{group}" / "large.yaml"
        option.parent.mkdir(parents=True)
        option.write_text("\n".join(rows) + "\n", encoding="utf-8")
        source += ["", ""]
        fields.append(f"    group_{group}: Group{group} = Group{group}()")
        defaults.append(f"  - group_{group}: large")
    names = ["epochs", *(f"root_{key}" for key in range(KEYS - GROUPS * KEYS_EACH - 1))]
    fields += [f'    {name}: int = Field(1, description="{name}")' for name in names]
    jobs = ["class Large(Job):", "    settings: Settings"]
    source += [*fields, "", "", *jobs, ""]
    (folder / "train.py").write_text("\n".join(source), encoding="utf-8")
    primary = [*defaults, "  - _self_", *(f"{name}: 2" for name in names), ""]
    (folder / "conf" / "brevetti.yaml").write_text("\n".join(primary), encoding="utf-8")
    (folder / "pyproject.toml").write_text("", encoding="utf-8")


def seconds_of(call: Callable[[], None]) -> float:
    """Time one call; what earlier ones left behind is collected before."""
    gc.collect()
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
