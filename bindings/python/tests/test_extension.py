"""Attaching with whatever Python runs these tests; tests/attached has one whose SQLite loads extensions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import knocker
from conftest import HEADERS, add_endpoint


def test_attaching_works_or_says_what_to_do(path: Path) -> None:
    db = sqlite3.connect(path)
    if hasattr(db, "enable_load_extension"):
        inbox = knocker.attach(db)
        assert add_endpoint(inbox).receive(b"{}", HEADERS).status_code == 204
    else:
        for load in (knocker.attach, knocker.load_extension):
            with pytest.raises(knocker.DriverUnavailableError, match='open\\(path, engine="host"\\)'):
                load(db)
    db.close()


def test_the_path_needs_nothing_loaded() -> None:
    assert Path(knocker.extension_path()).is_file()
