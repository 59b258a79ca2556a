"""What the tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest

import knocker

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parents[1]
TOKEN = "s3cr3t-token"
HEADERS = {"X-Knocker-Token": TOKEN}
#: Limits that only something stuck meets: a busy machine may stand still for seconds.
PATIENT: Dict[str, Any] = {"busy_timeout_ms": 60_000, "receive_timeout_ms": 60_000, "max_transaction_s": 60}
OPTIONS = {"event_type_path": "type", "event_id_path": "id"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def webhooks(path: Path) -> Iterator[knocker.Knocker]:
    with knocker.open(path, **PATIENT) as inbox:
        yield inbox


@pytest.fixture
def endpoint(webhooks: knocker.Knocker) -> knocker.Endpoint:
    return add_endpoint(webhooks)


def add_endpoint(webhooks: knocker.Knocker, name: str = "shop", **options: Any) -> knocker.Endpoint:
    return webhooks.endpoint(name, provider="token-header", secrets=TOKEN, provider_options=OPTIONS, **options)


def body(number: Any, event_type: str = "order") -> bytes:
    return f'{{"id":"{number}","type":"{event_type}"}}'.encode()


def drain(webhooks: knocker.Knocker) -> List[knocker.Finished]:
    return webhooks.run_worker_once()


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def query(webhooks: knocker.Knocker, sql: str, params: Any = ()) -> List[knocker.Row]:
    """Read through the library's own connection: a second SQLite must not touch a live file."""
    rows: List[knocker.Row] = []
    reader = webhooks.endpoint("test-reader", provider="token-header", secrets=TOKEN)

    def handler(_: knocker.Event, tx: knocker.Tx) -> None:
        rows.extend(tx.query(sql, params))

    reader.add_handler(handler)
    event_id = webhooks.ingest("test-reader", b"").event_id
    finished = until(lambda: webhooks.run_worker_once(endpoints=["test-reader"]))
    assert finished == [knocker.Finished(event_id or 0, "handled")]
    return rows


def shell(path: Path, sql: str) -> List[Tuple[Any, ...]]:
    """Read a file by Python's own SQLite, in another process."""
    script = (
        "import json, sqlite3, sys; print(json.dumps(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall()))"
    )
    import json

    result = subprocess.run([sys.executable, "-c", script, str(path), sql], stdout=subprocess.PIPE, check=True)
    return [tuple(row) for row in json.loads(result.stdout)]


def environment(**more: str) -> Dict[str, str]:
    paths = [str(PACKAGE / "src"), str(PACKAGE / "tests")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", **more}


def start(*arguments: str, env: Optional[Dict[str, str]] = None, **options: Any) -> subprocess.Popen[str]:
    """Start a child Python."""
    return subprocess.Popen(
        [sys.executable, *arguments], env=env or environment(), stdout=subprocess.PIPE, text=True, **options
    )


def run(script: str, *arguments: str, timeout: float = 60, env: Optional[Dict[str, str]] = None) -> str:
    """Run a script in a child Python and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        env=env or environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return result.stdout.strip()
