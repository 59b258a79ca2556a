"""Django's views: over its test client, and over HTTP by threads of a real server."""

from __future__ import annotations

import http.client
import socketserver
import threading
from pathlib import Path
from typing import Any, Iterator, List
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest
from hosting import BODY, HEADERS, Django, rows, shop, statuses

import knocker
from conftest import until


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Django]:
    made = Django(tmp_path / "app.db")
    yield made
    made.close()


def test_a_view_stores_what_came_on_its_requests_connection(host: Django) -> None:
    from django.test import Client

    client = Client()
    answer = client.post("/hook", BODY, content_type="application/json", headers=HEADERS)
    assert (answer.status_code, answer["durable"]) == (204, "True")
    assert client.post("/hook", BODY, content_type="application/json").status_code == 401
    undone = client.post("/undone", b'{"id":"2","type":"order"}', content_type="application/json", headers=HEADERS)
    assert (undone.status_code, undone["durable"]) == (204, "False")
    assert statuses(host.path) == ["received"], "the request that was rolled back took its receipt along"


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = False


def test_a_server_receives_while_a_worker_runs(host: Django) -> None:
    """Requests on threads and a worker on another, each with Django's connection of its thread."""
    from django.core.wsgi import get_wsgi_application

    server = Server(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    inbox = knocker.attach(host.given)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: host.write(tx, event.id))
    failed: List[BaseException] = []

    def work() -> None:
        try:
            inbox.run_worker(concurrency=2)
        except BaseException as error:  # raised below
            failed.append(error)
        finally:
            host.given.close()

    worker = threading.Thread(target=work)
    worker.start()
    answers: List[int] = []

    def sender(start: int) -> None:
        for number in range(start, start + 5):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
            connection.request("POST", "/hook", b'{"id":"%d","type":"order"}' % number, HEADERS)
            answers.append(connection.getresponse().status)
            connection.close()

    senders = [threading.Thread(target=sender, args=(number * 5,)) for number in range(3)]
    try:
        for thread in senders:
            thread.start()
        for thread in senders:
            thread.join(60)
        until(lambda: statuses(host.path) == ["handled"] * 15, 60)
    finally:
        inbox.stop()
        worker.join(60)
        server.shutdown()
        serving.join(60)
        server.server_close()
    assert (failed, answers) == ([], [204] * 15)
    assert host.orders() == list(range(1, 16))


def test_an_async_view_receives_off_the_loop(host: Django) -> None:
    import asyncio

    inbox = knocker.attach(host.given)
    shop(inbox)

    async def view() -> knocker.Result:
        return await inbox.areceive("shop", BODY, HEADERS)

    assert asyncio.run(view()).durable
    assert statuses(host.path) == ["received"]


def test_plain_handlers_run_beside_a_loop(host: Django) -> None:
    import asyncio

    inbox = knocker.attach(host.given)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: host.write(tx, event.id))
    inbox.receive("shop", BODY, HEADERS)
    assert [done.status for done in asyncio.run(inbox.arun_worker_once())] == ["handled"]
    assert host.orders() == [1]


def test_one_threads_wrapper_is_one_connection(host: Django) -> None:
    """``connections["default"]`` is this thread's, unlike ``connection``."""
    from django.db import connections

    inbox = knocker.attach(connections["default"])
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: host.write(tx, event.id))
    inbox.receive("shop", BODY, HEADERS)
    with pytest.raises(knocker.InvalidArgumentError, match="concurrency"):
        inbox.run_worker(concurrency=2)
    assert [done.status for done in inbox.run_worker_once()] == ["handled"]
    assert rows(host.path, "SELECT count(*) FROM orders") == [(1,)]
