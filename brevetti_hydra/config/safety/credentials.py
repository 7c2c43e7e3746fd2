"""The api key: from `--api_key`, the environment, or a file that the environment names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    from brevetti_hydra.config.command_line.overrides import Request

__all__ = ["known_keys", "with_api_key"]

_KEY = "BREVETTI_API_KEY"
_FILE = "BREVETTI_API_KEY_FILE"


def with_api_key(request: Request) -> Request:
    """Complete a request by the key of the environment, where it has none of its own.

    Raises:
        UsageError: The file that BREVETTI_API_KEY_FILE names cannot be read.
    """
    if request.api_key is not None:
        return request
    return request._replace(api_key=_key_of_environment())


def known_keys(request: Request | None = None) -> list[str]:
    """Give every key that a run may meet: the request's own, and that of the environment.

    Raises:
        UsageError: The file that BREVETTI_API_KEY_FILE names cannot be read.
    """
    keys = [_key_of_environment(), request.api_key if request is not None else None]
    return [key.get_secret_value() for key in keys if key is not None]


def _key_of_environment() -> SecretStr | None:
    key = os.environ.get(_KEY)
    file = os.environ.get(_FILE)
    if not key and file:
        try:
            key = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise UsageError(
                f"the file of {_FILE} cannot be read",
                notes=[f"it is '{file}': {reason.lower()}"],
                hint=f"name another file, or unset {_FILE}",
            ) from error
    return SecretStr(key) if key else None
