"""Requests as JSON text, with a quick form of what every webhook brings.

The threads of a process share the interpreter lock, so the time that a receive
spends in Python bounds how many of them a process can take in. Joining text is
many times cheaper there than looking at each name and value.
"""

from __future__ import annotations

import json
import os
from typing import Any, Iterable, List, Mapping, Optional

from knocker import _arguments as arguments
from knocker.errors import InvalidArgumentError

_PAIR_TYPES = frozenset((tuple, list))
#: What JSON wants escaped, beside the quotation mark.
_ESCAPED = bytes(range(0x20)) + b"\\"


def encode(request: Mapping[str, Any]) -> bytes:
    """Encode a request. Fields that are None are left out, which means the same."""
    present = {name: value for name, value in request.items() if value is not None}
    return json_text(present)


def json_text(value: Any) -> bytes:
    """The JSON text of a value. Raises ``invalid_argument`` where it has none."""
    try:
        return _encode(value).encode("utf-8", "replace")
    except RecursionError:
        raise InvalidArgumentError("An argument is nested too deeply, or holds itself.") from None
    except ValueError as error:
        raise InvalidArgumentError(f"An argument can't be sent: {error}.") from None


def fields_text(value: Any) -> bytes:
    """The JSON text of headers or query: that of :func:`arguments.fields`, made quickly for plain text and bytes."""
    if type(value) is dict:
        text = _joined_text(value.items(), '":"', '","', len(value))
        if text is not None:
            return b'{"%b"}' % text
    # Starlette's Headers and their like keep the pairs of bytes that ASGI brings in "raw".
    pairs = value if type(value) is list else getattr(value, "raw", None)
    if type(pairs) is list and _PAIR_TYPES.issuperset(map(type, pairs)):
        text = _joined_text(pairs, '","', '"],["', len(pairs)) or _joined_bytes(pairs)
        if text is not None:
            return b'[["%b"]]' % text
    return json_text(arguments.fields(value))


def _joined_text(pairs: Iterable[Any], inside: str, between: str, count: int) -> Optional[bytes]:
    """Pairs of text, joined; None where one of them is no text or needs an escape."""
    try:
        text = between.join(map(inside.join, pairs)).encode("ascii")
    except (TypeError, UnicodeEncodeError):
        return None
    return text if _is_plain(text, count) else None


def _joined_bytes(pairs: List[Any]) -> Optional[bytes]:
    """The same of pairs of bytes, such as ASGI's."""
    try:
        text = b'"],["'.join(map(b'","'.join, pairs))
    except TypeError:
        return None
    return text if text.isascii() and _is_plain(text, len(pairs)) else None


def _is_plain(text: bytes, count: int) -> bool:
    """Whether joined pairs are JSON as they are: every quotation mark in them is one of those that join."""
    return text.count(b'"') == 4 * count - 2 and len(text.translate(None, _ESCAPED)) == len(text)


def _refuse(value: object) -> Any:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    raise InvalidArgumentError(f"An argument holds a {type(value).__name__}, which has no JSON form.")


# One encoder for all calls: json.dumps with options makes a new one each time.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_refuse).encode
