"""The pytest fixture ``knocker_inbox``."""

from __future__ import annotations

from typing import Iterator

import pytest

from knocker.testing import TestInbox


@pytest.fixture
def knocker_inbox() -> Iterator[TestInbox]:
    """An empty inbox in a temporary file, with a settable clock, closed after the test."""
    with TestInbox() as inbox:
        yield inbox
