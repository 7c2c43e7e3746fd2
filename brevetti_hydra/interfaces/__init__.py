"""What the platform page understands: functions and builders over what a job made."""

from __future__ import annotations

__all__: list[str] = []
