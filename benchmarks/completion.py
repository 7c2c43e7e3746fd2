"""A TAB against the start of a plain `hydra.main` app: whole processes, the cache filled.

The query is the one that the shell's script makes: a level of settings of a job of the project, in
the same folder with the same YAML as the peer.

    python benchmarks/completion.py [--rounds 15] [--margin 1.0]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from figures import Figure, median, read_options, report
from noop_run import ENVIRONMENT, PLAIN, make_tree, measure

AT_MOST = 0.45

QUERY = [sys.executable, "-P", "-m", "brevetti_hydra.completion"]
LINES = {
    "options of a group": ["bash", "script", "brevetti-hydra job=", "=:"],
    "settings of a job": ["zsh", "python", "python", "-m", "brevetti_hydra", "job=noop", "l"],
}


def main() -> int:
    """Measure and report."""
    options = read_options(__doc__, rounds=15)
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_tree(folder)
        ENVIRONMENT["BREVETTI_HYDRA_CACHE"] = str(folder / "cache")
        for what, words in LINES.items():
            for command in ([*QUERY, *words], PLAIN):
                measure(command, folder)  # compiles what has to be compiled, and fills the cache
            query, plain = [], []
            for _ in range(options.rounds):
                query.append(measure([*QUERY, *words], folder).wall_s)
                plain.append(measure(PLAIN, folder).wall_s)
            wall = median(query), median(plain)
            figures.append(
                Figure(
                    f"a TAB: {what}",
                    wall[0] / wall[1],
                    AT_MOST,
                    detail=f"{wall[0] * 1e3:.0f} ms against {wall[1] * 1e3:.0f} ms",
                )
            )
    return report(figures, options)


if __name__ == "__main__":
    sys.exit(main())
