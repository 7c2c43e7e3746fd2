"""Shell completion: candidates for a line that is being typed, without Hydra and the user's code.

`brevetti-hydra completion SHELL` prints a script of `scripts/`; on a TAB it asks `query`, which
imports the standard library alone. `describe` is the one heavy module: it writes down what a
settings class says, when a command has loaded the class anyway.
"""

from __future__ import annotations

__all__: list[str] = []
