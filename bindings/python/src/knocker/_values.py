"""SQLite values as JSON cells, and rows."""

from __future__ import annotations

import base64
import math
import operator
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Sequence, SupportsIndex, Tuple, Union, overload

from knocker._arguments import is_utf8, utf8
from knocker.errors import InvalidArgumentError

#: What SQLite stores: NULL, INTEGER, REAL, TEXT, BLOB.
Value = Union[None, int, float, str, bytes]
Parameters = Union[Sequence[Any], Mapping[str, Any]]

_EXACT = 2**53 - 1


class Row(Tuple[Any, ...]):
    """One row: a tuple whose columns also have names.

    ``row[0]``, ``row["name"]`` (any case), ``row.keys()``, ``dict(row)`` and
    tuple unpacking all work. Of two columns with one name the first is found.
    """

    _names: Tuple[str, ...]

    def __new__(cls, values: Sequence[Any], names: Tuple[str, ...]) -> Row:
        """Make a row of values and its column names."""
        row = super().__new__(cls, values)
        row._names = names
        return row

    def keys(self) -> List[str]:
        """The column names."""
        return list(self._names)

    @overload
    def __getitem__(self, key: Union[SupportsIndex, str]) -> Any: ...

    @overload
    def __getitem__(self, key: slice) -> Tuple[Any, ...]: ...

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return super().__getitem__(self._index(key))
        return super().__getitem__(key)

    def _index(self, name: str) -> int:
        wanted = name.lower()
        for index, column in enumerate(self._names):
            if column.lower() == wanted:
                return index
        raise KeyError(name)

    def __reduce__(self) -> Tuple[Any, ...]:
        return Row, (tuple(self), self._names)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in zip(self._names, self))
        return f"Row({inside})"


@dataclass(frozen=True)
class Executed:
    """What a statement did.

    ``changes`` (int): how many rows it inserted, updated or deleted.
    ``lastrowid`` (int): the rowid of the last INSERT on this connection.
    """

    changes: int
    lastrowid: int

    @property
    def rowcount(self) -> int:
        """The same as ``changes``, by the name that Python's DB-API has for it."""
        return self.changes


def encode_parameters(parameters: Any) -> Tuple[Any, List[bytes]]:
    """Parameters as cells, and the blobs that travel beside them."""
    blobs: List[bytes] = []
    if parameters is None:
        return None, blobs
    if isinstance(parameters, Mapping):
        named: Dict[str, Any] = {str(name): encode_cell(value, blobs) for name, value in parameters.items()}
        return named, blobs
    if isinstance(parameters, (str, bytes, bytearray, memoryview)):
        raise InvalidArgumentError("Parameters are a sequence or a mapping. For a single value write (value,).")
    try:
        values = list(parameters)
    except TypeError:
        raise InvalidArgumentError(
            f"Parameters are a sequence or a mapping, not {type(parameters).__name__}; a single value is (value,)."
        ) from None
    return [encode_cell(value, blobs) for value in values], blobs


def encode_cell(value: Any, blobs: List[bytes]) -> Any:
    """One value as a cell; a blob is added to blobs and referred to."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -_EXACT <= value <= _EXACT else {"int": str(int(value))}
    if isinstance(value, float):
        return _encode_real(value)
    if isinstance(value, str):
        return str(value) if is_utf8(value) else {"text": base64.b64encode(utf8(value)).decode("ascii")}
    if isinstance(value, (bytes, bytearray, memoryview)):
        blobs.append(bytes(value))
        return {"blob_index": len(blobs) - 1}
    try:
        return encode_cell(operator.index(value), blobs)
    except TypeError:
        raise InvalidArgumentError(
            f"SQLite has no type for {type(value).__name__}: pass None, int, float, str, bytes or bool."
        ) from None


def _encode_real(value: float) -> Any:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return {"real": "Infinity" if value > 0 else "-Infinity"}
    return {"real": repr(float(value))}


def decode_cell(cell: Any) -> Value:
    """One cell as a value. Text that is not UTF-8 keeps its bytes as surrogates (surrogateescape)."""
    if not isinstance(cell, dict):
        return cell  # type: ignore[no-any-return]  # None, int or str
    kind, content = next(iter(cell.items()))
    if kind == "int":
        return int(content)
    if kind == "real":
        return float(content)
    raw = base64.b64decode(content)
    return raw if kind == "blob" else raw.decode("utf-8", "surrogateescape")


def decode_rows(reply: Mapping[str, Any]) -> List[Row]:
    """The rows of a query."""
    names = tuple(reply["columns"])
    return [Row([decode_cell(cell) for cell in row], names) for row in reply["rows"]]
