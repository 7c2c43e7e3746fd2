"""The peer: a plain `hydra.main` app that does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hydra

if TYPE_CHECKING:
    from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    """Read one setting, and do nothing with it."""
    _ = config.model.depth


if __name__ == "__main__":
    main()
