"""Who knows about jobs: one contract (`base`), answered on this machine by `local`."""

from __future__ import annotations

from brevetti_hydra.platform.base import Delivery, Platform
from brevetti_hydra.platform.local import LocalPlatform

__all__ = ["Delivery", "LocalPlatform", "Platform"]
