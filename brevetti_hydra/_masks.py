"""Masking: the one rule by which secrets are taken out of what is written and printed.

- Where a tree says by its types that a secret stands, it is masked whatever it is (`config`).
- In texts, a secret is masked in every spelling if it has at least LEAST_CHARACTERS; a shorter one
  stands in too many words by chance, and masking it would tear records apart.
- In every URL, what opens doors is masked: passwords and keys.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from brevetti_hydra.errors import ConfigErrors, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from brevetti_hydra.errors import BrevettiHydraError

__all__ = [
    "LEAST_CHARACTERS",
    "MASK",
    "Masking",
    "credentials_in",
    "without_credentials",
    "without_word",
]

# Always the same length, so that it does not tell the secret's.
MASK = "**********"

# No service hands out shorter keys; ordinary words and numbers mostly are shorter.
LEAST_CHARACTERS = 6

# Patterns are texts: `re` compiles one when it is first used and keeps it. A run without any URL
# pays for none of them; compiled at import they took 5 ms.
_URL = r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"<>]+"
_WHOLE_URL = r"[A-Za-z][A-Za-z0-9+.-]+://\S*\Z"
_QUERY_ITEM = r"([?&;#])([^=&;#?]*)=([^&;#]*)"
_SECRET_KEY = r"(?i)key|token|secret|sig|passw|pwd|credential|auth|session"  # noqa: S105 - names
# Without a password, what stands before '@' there is a container or a user's name.
_NAMES_BEFORE_AT = ("abfs", "abfss", "ftp", "sftp", "smb", "ssh")


class Masking:
    """Replaces secrets, in every form in which they get into texts.

    The forms are the text itself, its URL encodings, and its spelling inside JSON, YAML and Python
    literals. Many threads may use one.
    """

    __slots__ = ("forms", "has_secrets")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secrets; those that are too short are left out."""
        found: set[str] = set()
        for secret in secrets:
            found |= _forms(secret)
        # The longest first: one form may hold another.
        long = (form for form in found if len(form) >= LEAST_CHARACTERS)
        self.forms = tuple(sorted(long, key=lambda form: (-len(form), form)))
        self.has_secrets = bool(self.forms)

    def text(self, text: str) -> str:
        """Mask a text."""
        for form in self.forms:
            if form in text:
                text = text.replace(form, MASK)
        if "://" in text:
            if re.match(_WHOLE_URL, text):
                return without_credentials(text)
            text = re.sub(_URL, lambda found: without_credentials(found[0]), text)
        return text

    def stream(self, content: bytes) -> bytes:
        """Mask a piece of a stream; URLs in it may be cut, and are left as they are."""
        for form in self.forms:
            content = content.replace(_encode(form), MASK.encode())
        return content

    def content(self, content: bytes) -> bytes:
        """Mask the bytes of a whole file."""
        return _encode(self.text(content.decode("utf-8", "surrogateescape")))

    def tree(self, value: Any) -> Any:
        """Mask the texts in a tree of plain values, keys among them."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.tree(key): self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        return value

    def error(self, error: BrevettiHydraError) -> None:
        """Mask an error of ours, in place: message, place, notes and hint."""
        if isinstance(error, ConfigErrors):
            for each in error.errors:
                self.error(each)
            return
        error.message = self.text(error.message)
        error.args = (error.message,)
        error.notes = tuple(map(self.text, error.notes))
        error.hint = None if error.hint is None else self.text(error.hint)
        if error.where is not None:
            label, line, excerpt = error.where
            error.where = Place(self.text(label), line, self.text(excerpt))


def without_word(text: str, secret: str, shown: str = MASK) -> str:
    """Mask a secret of any length where it stands alone: in a text that is about it."""
    if not secret:
        return text
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _: shown, text)


def without_credentials(url: str) -> str:
    """Mask what opens doors in a URL: `user:password@`, and query keys such as token or signature.

    Too much is masked rather than too little. A plain path comes back as it is.

    Example:
        >>> without_credentials("https://me:pw@host/d?page=2&token=abc")
        'https://**********@host/d?page=2&token=**********'
    """
    return _rewritten(url, lambda _: None)


def credentials_in(url: str) -> Iterator[str]:
    """Give what `without_credentials` takes out of a URL; of `user:password` the password too."""
    found: list[str] = []
    _rewritten(url, found.append)
    for text in found:
        yield from {text, text.partition(":")[2]} - {"", MASK}


def _rewritten(url: str, take: Callable[[str], None]) -> str:
    if "://" not in url:
        return url
    return "::".join(_mask_segment(segment, take) for segment in url.split("::"))


def _mask_segment(segment: str, take: Callable[[str], None]) -> str:
    scheme, divider, rest = segment.partition("://")
    if not divider:
        return segment
    authority = rest.partition("/")[0]
    user = None
    if scheme.lower() in {"http", "https"} and "@" in authority:
        user = authority.rpartition("@")[0]
    elif _holds_user(scheme.lower(), authority, rest):
        user = rest.rpartition("@")[0]
    if user is not None:
        take(user)
        rest = MASK + rest[len(user) :]
    return f"{scheme}://{re.sub(_QUERY_ITEM, lambda found: _mask_item(found, take), rest)}"


def _holds_user(scheme: str, authority: str, rest: str) -> bool:
    if "@" not in rest or scheme in {"github", "http", "https"}:
        return False
    if "@" in authority:
        return ":" in authority or scheme not in _NAMES_BEFORE_AT
    # Secrets of S3 hold '/', as in 'key:sec/ret@bucket'; 'host:8080/a@b' has a port.
    return ":" in authority and not re.search(r":\d*$", authority)


def _mask_item(item: re.Match[str], take: Callable[[str], None]) -> str:
    from urllib.parse import unquote

    mark, name, value = item.groups()
    if not re.search(_SECRET_KEY, unquote(name)):
        return item[0]
    take(value)
    return f"{mark}{name}={MASK}"


def _forms(secret: str) -> set[str]:
    from urllib.parse import quote, quote_plus

    if len(secret.strip()) < LEAST_CHARACTERS:
        return set()
    raw = _encode(secret)
    quoted = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    # A URL inside a URL is quoted twice; some encoders write small letters.
    quoted |= {quote(text, safe="") for text in quoted}
    quoted |= {_small_escapes(text) for text in quoted}
    spelled = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    spelled |= {repr(secret)[1:-1], secret.replace("'", "''")}
    return {secret, secret.strip(), *spelled, *quoted}


def _encode(text: str) -> bytes:
    # A command line may hold bytes that are no UTF-8.
    return text.encode("utf-8", "surrogateescape")


def _small_escapes(text: str) -> str:
    head, *rest = text.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])
