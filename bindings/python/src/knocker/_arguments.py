"""Python's many shapes of headers, query, secrets and body, as the library's JSON.

Only shapes are changed here. What a name or a value means is the core's rule.
"""

from __future__ import annotations

import base64
import math
import os
from datetime import date, datetime, timedelta
from typing import Any, Iterable, List, Mapping, Sequence, Tuple, Union

from knocker.errors import InvalidArgumentError

#: Marks an argument that was not given, where None is a value of its own.
UNSET: Any = type("Unset", (), {"__repr__": lambda _: "UNSET", "__bool__": lambda _: False})()

Body = Union[bytes, bytearray, memoryview, str, None]
Fields = Union[Mapping[str, Any], Iterable[Tuple[Any, Any]], str, bytes, None]
Secret = Union[str, bytes, Mapping[str, Any]]
Secrets = Union[Secret, Sequence[Union[Secret, None]], None]
Moment = Union[int, float, datetime]

_DEEPEST = 32


def body_bytes(body: Any) -> Tuple[bytes, bool]:
    """The raw bytes, and whether the framework has parsed them away.

    Text is sent as UTF-8. Anything that is neither bytes nor text is a parsed
    body: the bytes that the sender signed are gone, and the core says so.
    """
    if body is None:
        return b"", False
    if isinstance(body, bytes):
        return body, False
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body), False
    if isinstance(body, str):
        return utf8(body), False
    return b"", True


def fields(value: Any) -> Any:
    """Headers or query, repeated names kept.

    Takes mappings, lists of pairs, Starlette's Headers and QueryParams,
    Werkzeug's and Django's multi-dictionaries, WSGI environments, raw text.
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return text(value)
    if type(value) is dict and _is_plain(value):
        return value
    pairs = _pairs(value)
    if pairs is None:
        return str(type(value).__name__)  # not a shape at all: the core's sentence says what is
    return [_pair(pair) for pair in pairs]


def _is_plain(value: Mapping[Any, Any]) -> bool:
    """Whether a mapping is JSON as it is: the most usual shape, so it is worth a look."""
    return all(
        type(name) is str and type(item) is str and name.isascii() and item.isascii() for name, item in value.items()
    )


def _pairs(value: Any) -> Any:
    for name in ("multi_items", "lists", "items"):
        method = getattr(value, name, None)
        if callable(method):
            return list(method())
    try:
        return list(value)
    except TypeError:
        return None


def _pair(pair: Any) -> Any:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        return json_value(pair)
    name, value = pair
    return [text(name) if isinstance(name, (str, bytes, bytearray, memoryview)) else str(name), json_value(value)]


def json_value(value: Any, depth: int = 0) -> Any:
    """A JSON form of a value of any type; None where there is none."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < _DEEPEST and isinstance(value, (list, tuple)):
        return [json_value(item, depth + 1) for item in value]
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(name): json_value(item, depth + 1) for name, item in value.items()}
    return None


def text(value: Union[str, bytes, bytearray, memoryview]) -> str:
    """JSON has no bytes: they are read as the core reads them, as UTF-8 or else as Latin-1."""
    if isinstance(value, str):
        if is_utf8(value):
            return str(value)
        value = utf8(value)
    raw = bytes(value)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def secrets(value: Any) -> Any:
    """Secrets, bytes as ``{"blob": base64}``. None is kept, so that the core can name its position."""
    if value is UNSET:
        return None
    if value is None:
        return [None]
    if isinstance(value, (list, tuple)):
        return [_secret(item) for item in value]
    return _secret(value)


def _secret(value: Any) -> Any:
    if isinstance(value, str):
        if is_utf8(value):
            return value
        value = utf8(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"blob": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {str(name): _secret(item) for name, item in value.items()}
    return value


def texts(value: Any) -> Any:
    """A list of text where a tuple, set or other iterable was given."""
    if value is None or isinstance(value, (str, bytes, Mapping)):
        return value
    try:
        listed: List[Any] = list(value)
    except TypeError:
        return value
    return listed


def unix_seconds(moment: Any) -> Any:
    """A moment as whole Unix seconds, of which fractions are cut off: an earlier cutoff never takes too much."""
    seconds = moment_seconds(moment)
    return math.floor(seconds) if isinstance(seconds, float) and math.isfinite(seconds) else seconds


def moment_seconds(moment: Any) -> Any:
    """A moment as Unix seconds; what is neither a date nor a time is the library's to judge."""
    if isinstance(moment, datetime):
        if moment.utcoffset() is None:
            raise InvalidArgumentError(
                "A datetime without a time zone names no moment: use datetime.now(timezone.utc) or .astimezone()."
            )
        return moment.timestamp()
    if isinstance(moment, (date, timedelta)):
        raise InvalidArgumentError(
            f"A {type(moment).__name__} is not a moment: pass Unix seconds, or an aware datetime such as "
            "datetime.now(timezone.utc) - timedelta(days=30)."
        )
    return moment


def file_path(path: Any) -> Any:
    """Text of a str, bytes or os.PathLike path; anything else goes to the library, which refuses it."""
    if isinstance(path, (str, bytes, os.PathLike)):
        return os.fsdecode(path)
    return path


def utf8(value: str) -> bytes:
    """Text as UTF-8. Surrogates that stand for bytes, as in os.environ, become those bytes again."""
    for errors in ("strict", "surrogateescape"):
        try:
            return value.encode("utf-8", errors)
        except UnicodeEncodeError:
            continue
    return value.encode("utf-8", "replace")


def is_utf8(value: str) -> bool:
    """Whether text has a UTF-8 form."""
    if value.isascii():
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
