"""The engine "host": this interpreter's own SQLite works on the file."""

from __future__ import annotations

import sqlite3
from typing import Any, Dict

from knocker._library import Library
from knocker.errors import DriverUnavailableError


def hand_over(library: Library) -> None:
    """Hand the SQLite of ``sqlite3`` over, unless another one was: the library that contains it is in the process."""
    import _sqlite3  # sqlite3 works by it; part of the program in some builds

    request: Dict[str, Any] = {"library": getattr(_sqlite3, "__file__", None)}
    try:
        library.host_sqlite(request)
    except DriverUnavailableError:
        # Its functions are hidden, as where it is linked in statically. Loading an extension needs none of them.
        if not hasattr(sqlite3.Connection, "enable_load_extension"):
            raise
        _load(library)


def _load(library: Library) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        connection.enable_load_extension(True)
        connection.execute("SELECT load_extension(?, 'knocker_manual_init')", (str(library.path),))
    finally:
        connection.close()
