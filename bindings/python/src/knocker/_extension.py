"""The library as an extension of the application's own SQLite."""

from __future__ import annotations

import re
from typing import Any, Optional

from knocker._errors import KnockerError
from knocker._library import find, refuse_platform
from knocker.errors import DriverUnavailableError, UnsupportedPlatformError

#: How the library words what went wrong in SQL, and SQLite while it loads: the code first.
_CODED = re.compile(r"(?:error during initialization: )?(?:knocker: )?([a-z_]+): (.*)", re.DOTALL)


def extension_path() -> str:
    """The library's file, as text: what ``load_extension`` of any SQLite takes.

    It is the file that ``knocker.open`` uses too, so a process holds it once.
    Loads nothing. Raises ``unsupported_platform``.
    """
    return str(find())


def load_extension(connection: Any, *, bootstrap: bool = True) -> None:
    """Give a connection of the application's SQLite the functions ``knocker_*`` and ``honker_*`` of docs/sql.md.

    * ``connection``: a ``sqlite3.Connection``; SQLAlchemy's Engine (each
      connection of its pool gets them when it is checked out), Connection or
      Session; Django's ``connection``.
    * ``bootstrap``: makes the inbox's tables where the file has none. Defaults to True.

    Loading again does nothing. Afterwards loading further extensions is
    switched off again, unless Python 3.12 or newer tells that it was on.
    Raises KnockerError: ``driver_unavailable`` where this Python's SQLite can't
    load extensions, ``unsupported_platform``, ``invalid_argument``.
    """
    from knocker._hosts import host_of

    host_of(connection).load(bootstrap)


def load_into(raw: Any, bootstrap: bool = True) -> None:
    """Load the library into one connection of sqlite3, or of a module like it."""
    enable = getattr(raw, "enable_load_extension", None)
    if enable is None:
        raise DriverUnavailableError(
            f"The SQLite of this Python ({type(raw).__module__}) was built without extensions. Use a Python that has "
            "them (Debian's, Homebrew's, python.org's for Windows), the driver pysqlite3-binary, or "
            'knocker.open(path, engine="host"), which needs none.'
        )
    refuse_platform()
    path = extension_path()
    was_enabled = _loading_enabled(raw)
    try:
        enable(True)
        if bootstrap:
            raw.load_extension(path)
        else:
            cursor = raw.cursor()
            cursor.row_factory = None
            cursor.execute("SELECT load_extension(?, 'knocker_manual_init')", (path,)).fetchall()
            cursor.close()
    except Exception as error:
        raise knocker_error(error) or UnsupportedPlatformError(
            f"{path} can't be loaded into the SQLite of {type(raw).__module__}: {error}"
        ) from error
    finally:
        enable(was_enabled)


def knocker_error(error: BaseException) -> Optional[KnockerError]:
    """The exception that an error of the driver stands for, where a function of the library has raised it."""
    coded = _CODED.match(str(error))
    if coded is None or coded[1] not in KnockerError.by_code:
        return None
    return KnockerError.by_code[coded[1]](coded[2])


def _loading_enabled(raw: Any) -> bool:
    try:
        import sqlite3

        enabled: bool = raw.getconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION)  # type: ignore[attr-defined,unused-ignore]
    except AttributeError:  # Python 3.11 or older, or another module
        return False
    return enabled
