"""fork(): a Go runtime does not survive it, so the child gets an error and never hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import environment, run

CALLS = 20_000

PREPARE = """
import asyncio, multiprocessing, os, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn about fork beside threads
import knocker
webhooks = knocker.open(sys.argv[1])
endpoint = webhooks.endpoint("shop", provider="token-header", secrets="t")
endpoint.add_handler(lambda event, tx: None)
# Threads that are inside the library and inside the package at the moment of the fork.
def receive():
    while not webhooks.closed:
        try:
            endpoint.receive(b"{}", {"X-Knocker-Token": "t"})
        except knocker.ClosedError:
            return
threads = [threading.Thread(target=receive) for _ in range(4)] + [threading.Thread(target=webhooks.run_worker)]
for thread in threads:
    thread.start()
time.sleep(0.3)

def codes(calls):
    seen = set()
    acts = [lambda: endpoint.receive(b"{}", {}), webhooks.stats, webhooks.run_worker, webhooks.run_worker_once,
            lambda: endpoint.add_handler(print), lambda: knocker.open(sys.argv[1]),
            lambda: asyncio.run(endpoint.areceive(b"{}", {})), lambda: asyncio.run(webhooks.astats())]
    for number in range(calls):
        # The two that make an event loop cost a thousand times more: fewer of them.
        act = acts[number % (len(acts) if number < 400 else len(acts) - 2)]
        try:
            act()
            seen.add("no error")
        except knocker.KnockerError as error:
            seen.add(error.code)
    return seen

def finish(seen):
    webhooks.stop()
    threads[-1].join()
    webhooks.close()
    for thread in threads:
        thread.join()
    print(seen)
"""

OS_FORK = """
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, ",".join(sorted(codes(int(sys.argv[2])))).encode())
    os._exit(0)
os.close(write)
seen = os.read(read, 1000).decode()
assert os.waitpid(child, 0)[1] == 0
finish(seen)
"""

MULTIPROCESSING = """
def work(queue):
    queue.put(",".join(sorted(codes(int(sys.argv[2])))))
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
process = context.Process(target=work, args=(queue,))
process.start()
process.join()
assert process.exitcode == 0, process.exitcode
finish(queue.get())
"""


@pytest.mark.parametrize("fork", [OS_FORK, MULTIPROCESSING], ids=["os.fork", "multiprocessing"])
@pytest.mark.timeout(120)
def test_a_forked_child_gets_forked_and_never_hangs(path: Path, fork: str) -> None:
    assert run(PREPARE + fork, str(path), str(CALLS), timeout=110) == "forked"


def test_import_before_fork_is_fine(path: Path) -> None:
    """Servers that import in the parent and work in forked children: nothing is loaded before."""
    script = """
import os, sys, knocker
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        with knocker.open(sys.argv[1], busy_timeout_ms=60_000, receive_timeout_ms=60_000) as webhooks:
            webhooks.endpoint("shop", provider="token-header", secrets="t").receive(b"{}", {"X-Knocker-Token": "t"})
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
with knocker.open(sys.argv[1]) as webhooks:
    print(webhooks.stats().deliveries)
"""
    assert run(script, str(path)) == "3"


def test_a_child_may_drop_its_parents_inbox(path: Path) -> None:
    """The collector runs in the child too; releasing there must neither hang nor touch the parent's file."""
    script = """
import gc, os, sys, warnings, knocker
warnings.simplefilter("ignore", ResourceWarning)
warnings.simplefilter("ignore", DeprecationWarning)
webhooks = knocker.open(sys.argv[1])
webhooks.endpoint("shop", provider="token-header", secrets="t")
child = os.fork()
if child == 0:
    del webhooks
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(webhooks.receive("shop", b"{}", {"X-Knocker-Token": "t"}).status_code)
webhooks.close()
"""
    assert run(script, str(path)) == "204"
    assert environment()["PYTHONPATH"]


def test_subprocesses_inherit_no_descriptor(path: Path) -> None:
    script = """
import asyncio, os, subprocess, sys, knocker
with knocker.open(sys.argv[1]) as webhooks:
    endpoint = webhooks.endpoint("shop", provider="token-header", secrets="t")
    asyncio.run(endpoint.areceive(b"{}", {"X-Knocker-Token": "t"}))
    listing = "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')])"
    inherited = subprocess.run([sys.executable, "-c", listing], close_fds=False, stdout=subprocess.PIPE, text=True).stdout
print("app.db" in inherited or "eventfd" in inherited)
"""
    assert run(script, str(path)) == "False"
