"""A fault inside the library: everybody who waits learns of it, and the process goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import ROOT, run

PANICKING = ROOT / "build" / "testpanic" / "libknocker.so"

PROGRAM = """
import asyncio, sys, threading
from pathlib import Path
import knocker, knocker._library as loader
loader.find = lambda: Path(sys.argv[2])
webhooks = knocker.open(sys.argv[1], receive_timeout_ms=60_000, max_transaction_s=60)
endpoint = webhooks.endpoint("shop", provider="token-header", secrets="t", provider_options={"event_type_path": "type"})
holding, free = threading.Event(), threading.Event()
@endpoint.handle("hold")
def handler(event, tx):
    tx.execute("CREATE TABLE app (id)")
    holding.set()
    free.wait(60)
headers = {"X-Knocker-Token": "t"}
endpoint.receive(b'{"type":"hold"}', headers)
seen = {}
def work():
    try:
        webhooks.run_worker(concurrency=2)
    except knocker.KnockerError as error:
        seen["worker"] = error.code
worker = threading.Thread(target=work)
worker.start()
assert holding.wait(60)
async def main():
    waiting = [asyncio.create_task(endpoint.areceive(b"{}", headers)) for _ in range(3)]
    await asyncio.sleep(0.2)
    try:
        webhooks._library.call(webhooks._handle, "test_panic", {"where": "goroutine"})
        await asyncio.sleep(0.2)
    except knocker.InternalError:
        pass
    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)
    seen["waiting"] = {outcome.code for outcome in outcomes}
asyncio.run(main())
free.set()
worker.join(60)
assert not worker.is_alive()
for act in (webhooks.stats, lambda: endpoint.receive(b"{}", headers), lambda: knocker.open(sys.argv[1] + ".other")):
    try:
        act()
    except knocker.KnockerError as error:
        seen.setdefault("later", set()).add(error.code)
webhooks._handle = 0  # nothing is left to close
print(seen["waiting"], seen["later"], seen["worker"])
"""


def test_a_fault_reaches_everybody_and_ends_nothing_else(path: Path) -> None:
    if not PANICKING.exists():
        pytest.skip("make lib-testpanic builds the library that faults on purpose")
    assert run(PROGRAM, str(path), str(PANICKING)) == "{'internal'} {'internal'} internal"
