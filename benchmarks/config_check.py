"""`config check` of a large project against the start of a plain `hydra.main` app.

The project is generated: 500 option files in 25 groups, a dozen keys each, and 50 experiments that
choose options of several groups. Both sides run by turns; the peer starts once and does nothing.

    python benchmarks/config_check.py [--rounds 5] [--margin 1.0]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from figures import Figure, median, read_options, report
from noop_run import PLAIN, Cost, make_tree, measure

AT_MOST = 20.0
GROUPS, OPTIONS, EXPERIMENTS, KEYS = 25, 20, 50, 12
CHECK = [sys.executable, "-m", "brevetti_hydra", "config", "check", "--strict"]


def make_project(folder: Path) -> None:
    """Write a job class, its conf with many groups, and the experiments."""
    conf = folder / "conf"
    names = [f"part_{number:02d}" for number in range(1, GROUPS)]
    fields = "".join(f"    key_{key:02d}: float = Field(0.5, ge=0)\n" for key in range(KEYS))
    nodes = "".join(f"    {name}: Part = Part()\n" for name in names)
    (folder / "large.py").write_text(
        "from brevetti_hydra import Field, Job, JobSettings\n"
        f"class Part(JobSettings):\n{fields}"
        f"class Settings(JobSettings):\n    epochs: int = 1\n{nodes}"
        "class Large(Job):\n    settings: Settings\n",
        encoding="utf-8",
    )
    keys = "".join(f"key_{key:02d}: 0.{key + 1}\n" for key in range(KEYS))
    for name in names:
        write(conf / name, {f"option_{number:02d}": keys for number in range(OPTIONS)})
    chosen = "".join(f"  - /{name}: option_00\n" for name in names)
    job = f"# @package _global_\ndefaults:\n{chosen}  - _self_\njob:\n  _target_: large:Large\n"
    write(conf / "job", {f"job_{number:02d}": job for number in range(OPTIONS)})
    experiments = {}
    for number in range(EXPERIMENTS):
        choices = "".join(
            f"  - override /{names[(number + step) % len(names)]}: option_{number % OPTIONS:02d}\n"
            for step in range(5)
        )
        experiments[f"experiment_{number:02d}"] = (
            f"# @package _global_\ndefaults:\n{choices}epochs: {number + 1}\n"
        )
    write(conf / "experiment", experiments)


def write(group: Path, options: dict[str, str]) -> None:
    """Write the options of a group."""
    group.mkdir(parents=True)
    for name, text in options.items():
        (group / f"{name}.yaml").write_text(text, encoding="utf-8")


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=5)
    with tempfile.TemporaryDirectory() as name:
        project, peer = Path(name) / "project", Path(name) / "peer"
        project.mkdir()
        make_project(project)
        make_tree(peer)
        for command, folder in ((CHECK, project), (PLAIN, peer)):
            measure(command, folder)  # compiles what has to be compiled
        check: list[Cost] = []
        plain: list[Cost] = []
        for _ in range(options.rounds):
            check.append(measure(CHECK, project))
            plain.append(measure(PLAIN, peer))
    wall = median([cost.wall_s for cost in check]), median([cost.wall_s for cost in plain])
    return report(
        [
            Figure(
                "config check: 500 options, 50 experiments",
                wall[0] / wall[1],
                AT_MOST,
                detail=f"{wall[0]:.2f} s against {wall[1] * 1e3:.0f} ms",
            )
        ],
        options,
    )


if __name__ == "__main__":
    sys.exit(main())
