"""Receiving: results, shapes of requests, bad input, many threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List

import pytest

import knocker
from conftest import HEADERS, OPTIONS, TOKEN, add_endpoint, body, query


def test_a_valid_request_becomes_an_event(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    result = endpoint.receive(body(1), {**HEADERS, "X-Extra": "yes"}, {"a": ["1", "2"]}, method="POST")
    assert (result.status_code, result.duplicate, result.reason) == (204, False, None)
    assert result.event_ids == (result.event_id,)
    event = webhooks.get_event(result.event_id or 0)
    assert (event.body, event.event_type, event.status, event.endpoint) == (body(1), "order", "received", "shop")
    assert event.query == {"a": ["1", "2"]}
    assert event.headers["x-extra"] == "yes"
    assert event.headers["x-knocker-token"] == "[redacted]"
    assert isinstance(event.id, int)
    delivery = webhooks.get_delivery(result.delivery_id or 0)
    assert (delivery.signature_valid, delivery.kind, delivery.json()) == (True, "event", {"id": "1", "type": "order"})


def test_a_retry_is_a_duplicate_and_a_forgery_is_stored_but_never_queued(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint
) -> None:
    first = endpoint.receive(body(1), HEADERS)
    again = endpoint.receive(body(1), HEADERS)
    forged = endpoint.receive(body(2), {"X-Knocker-Token": "guessed"})
    assert (again.duplicate, again.event_id) == (True, first.event_id)
    assert (forged.status_code, forged.event_id, forged.reason) == (401, None, "bad_credentials")
    assert [delivery.id for delivery in webhooks.list_deliveries(orphaned=True)] == [forged.delivery_id]
    assert webhooks.stats().jobs_ready == 1


def test_receive_by_name_takes_everything_per_call(webhooks: knocker.Knocker) -> None:
    webhooks.endpoint("bare")
    result = webhooks.receive(
        endpoint="bare",
        body=b"{}",
        headers=HEADERS,
        provider="token-header",
        secrets=[TOKEN, "other"],
        event_type="mine",
        dedupe_key="k1",
        provider_event_id="e",
        provider_delivery_id="d",
        timeout_ms=60_000,
        max_attempts=2,
    )
    event = webhooks.get_event(result.event_id or 0)
    assert (event.event_type, event.dedupe_key, event.provider_event_id) == ("mine", "k1", "e")


def test_ingest_trusts_its_caller(webhooks: knocker.Knocker) -> None:
    webhooks.endpoint("trusted")
    result = webhooks.ingest("trusted", b"{}", event_type="x", signature_valid=True)
    assert webhooks.get_delivery(result.delivery_id or 0).signature_valid is True
    refused = webhooks.ingest("trusted", b"{}", signature_valid=False, signature_error="looked odd")
    assert refused.event_id is None


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        ("é", "é".encode()),
        (None, b""),
    ],
)
def test_bodies_are_stored_as_they_came(
    webhooks: knocker.Knocker, endpoint: knocker.Endpoint, given: Any, stored: bytes
) -> None:
    result = endpoint.receive(given, HEADERS)
    assert webhooks.get_delivery(result.delivery_id or 0).body == stored


def framework_headers() -> List[Any]:
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from django.http.request import HttpHeaders
    from starlette.datastructures import Headers
    from werkzeug.datastructures import EnvironHeaders
    from werkzeug.datastructures import Headers as WerkzeugHeaders

    environ = {
        "REQUEST_METHOD": "POST",
        "HTTP_X_KNOCKER_TOKEN": TOKEN,
        "CONTENT_TYPE": "text/plain",
        "wsgi.input": object(),
    }
    return [
        HEADERS,
        {b"X-Knocker-Token": TOKEN.encode()},
        {"x-knocker-token": [TOKEN]},
        [("X-Knocker-Token", TOKEN)],
        [(b"x-knocker-token", TOKEN.encode())],
        ((name, value) for name, value in HEADERS.items()),
        Headers({"x-knocker-token": TOKEN}),
        WerkzeugHeaders(HEADERS),
        EnvironHeaders(environ),
        HttpHeaders(environ),
        environ,
    ]


@pytest.mark.parametrize("number", range(11))
def test_headers_come_in_every_shape(webhooks: knocker.Knocker, endpoint: knocker.Endpoint, number: int) -> None:
    result = endpoint.receive(body(number), framework_headers()[number])
    assert result.status_code == 204, result.reason


def test_repeated_names_are_kept(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from django.http import QueryDict
    from starlette.datastructures import QueryParams
    from werkzeug.datastructures import MultiDict

    shapes: List[Any] = ["a=1&a=2&b=", b"?a=1&a=2&b=", QueryParams("a=1&a=2&b="), QueryDict("a=1&a=2&b=")]
    shapes += [
        MultiDict([("a", "1"), ("a", "2"), ("b", "")]),
        [("a", "1"), ("a", "2"), ("b", "")],
        {"a": ["1", "2"], "b": ""},
    ]
    for shape in shapes:
        result = endpoint.receive(b"{}", HEADERS, shape)
        assert webhooks.get_delivery(result.delivery_id or 0).query == {"a": ["1", "2"], "b": ""}, shape


def test_odd_values_are_never_an_error(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """Nested parameters, uploads and bytes of no encoding must not keep a webhook out."""
    odd: Dict[Any, Any] = {
        "n": None,
        "f": float("nan"),
        "o": object(),
        "d": {"x": [1, object()]},
        7: "seven",
        "l": b"caf\xe9",
        "s": "\udce9",
    }
    result = endpoint.receive(b"{}", {**HEADERS, "X-Odd": b"caf\xe9"}, odd)
    delivery = webhooks.get_delivery(result.delivery_id or 0)
    assert delivery.headers["x-odd"] == "café"
    assert (delivery.query["7"], delivery.query["l"], delivery.query["s"]) == ("seven", "café", "é")
    assert "n" not in delivery.query


@pytest.mark.parametrize(
    "secret", [TOKEN, TOKEN.encode(), bytearray(TOKEN.encode()), [b"other", TOKEN], (TOKEN,), {"value": TOKEN}]
)
def test_secrets_come_in_every_shape(webhooks: knocker.Knocker, secret: Any) -> None:
    endpoint = webhooks.endpoint("s", provider="token-header", secrets=secret)
    assert endpoint.receive(b"{}", HEADERS).status_code == 204
    assert endpoint.receive(b"{}", {"X-Knocker-Token": TOKEN[0]}).status_code == 401


@pytest.mark.parametrize("secret", [None, "", [], [TOKEN, None], [""], "line\n"])
def test_a_secret_that_is_missing_is_named(webhooks: knocker.Knocker, secret: Any) -> None:
    """An environment variable that was not set must not become an endpoint that verifies nothing."""
    with pytest.raises(knocker.InvalidSecretError, match='"s"'):
        webhooks.endpoint("s", provider="token-header", secrets=secret)


BAD: List[Any] = [
    ("unknown_endpoint", lambda w: w.receive("nowhere", b"")),
    ("unknown_endpoint", lambda w: w.add_handler("nowhere", print)),
    ("body_consumed", lambda w: w.receive("shop", {"id": 1}, HEADERS)),
    ("body_consumed", lambda w: w.receive("shop", b"", {**HEADERS, "Content-Length": "12"})),
    ("no_verifier", lambda w: (w.endpoint("bare"), w.receive("bare", b"{}"))),
    ("unknown_provider", lambda w: w.endpoint("x", provider="strip", secrets="s")),
    ("provider_mismatch", lambda w: w.receive("shop", b"{}", HEADERS, provider="stripe", secrets="whsec_x")),
    ("path_taken", lambda w: w.endpoint("other", path="/webhooks/shop")),
    ("invalid_argument", lambda w: w.endpoint("x", provder="stripe")),
    ("invalid_argument", lambda w: w.receive("shop", b"", haeders={})),
    ("invalid_argument", lambda w: w.receive("shop", b"", 42)),
    ("invalid_argument", lambda w: w.receive("shop", b"", object())),
    ("invalid_argument", lambda w: w.receive(7, b"")),
    ("invalid_argument", lambda w: w.receive("shop", b"", max_attempts="many")),
    ("invalid_argument", lambda w: w.get_event("one")),
    ("invalid_argument", lambda w: w.get_event(object())),
    ("invalid_argument", lambda w: w.get_event(2**70)),
    ("invalid_argument", lambda w: w.list_events(limit=0)),
    ("invalid_argument", lambda w: w.run_worker(concurency=2)),
    ("invalid_argument", lambda w: w.run_worker(concurrency=0)),
    ("invalid_argument", lambda w: w.add_handler("shop", "order", "not a function")),
    ("invalid_argument", lambda w: w.handle("shop", print)),
    ("invalid_argument", lambda w: w.endpoint("shop", provider_options=recursive())),
    ("not_found", lambda w: w.get_event(999)),
    ("not_found", lambda w: w.replay(999)),
    ("invalid_state", lambda w: w.replay(w.receive("shop", b"{}", HEADERS).event_id)),
    ("not_linked", lambda w: w.replay_delivery(w.receive("shop", b"{}").delivery_id)),
    ("endpoint_disabled", lambda w: (w.disable_endpoint("shop"), w.receive("shop", b"{}", HEADERS))),
    ("not_empty", lambda w: (w.receive("shop", b"{}", HEADERS), w.remove_endpoint("shop"))),
    ("invalid_state", lambda w: w.set_clock(1)),
]


def recursive() -> Dict[str, Any]:
    mapping: Dict[str, Any] = {}
    mapping["self"] = mapping
    return mapping


@pytest.mark.parametrize(("code", "act"), BAD, ids=[f"{code}-{number}" for number, (code, _) in enumerate(BAD)])
def test_bad_input_has_its_code(webhooks: knocker.Knocker, endpoint: knocker.Endpoint, code: str, act: Any) -> None:
    with pytest.raises(knocker.KnockerError) as caught:
        act(webhooks)
    error = caught.value
    assert error.code == code, error
    assert type(error) is not knocker.KnockerError
    assert len(error.message) > 15
    assert error.http_status in (404, 409, 500)


def test_a_misspelt_option_is_suggested(webhooks: knocker.Knocker, path: Path) -> None:
    with pytest.raises(knocker.InvalidArgumentError, match="provider"):
        webhooks.endpoint("x", provder="stripe")  # type: ignore[arg-type]
    with pytest.raises(knocker.InvalidArgumentError, match="max_body_bytes"):
        knocker.open(path, max_body_byte=1)  # type: ignore[arg-type]


def test_a_file_that_cannot_be_opened_has_its_code(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("certainly not a database, but long enough to look at" * 10)
    (tmp_path / "folder").mkdir()
    for target, code in [
        (tmp_path / "text.db", "not_a_database"),
        (tmp_path / "missing" / "x.db", "cannot_open"),
        (tmp_path / "folder", "cannot_open"),
        (42, "invalid_argument"),
        ("", "invalid_argument"),
    ]:
        with pytest.raises(knocker.KnockerError) as caught:
            knocker.open(target)  # type: ignore[arg-type]
        assert caught.value.code == code, (target, caught.value)


def test_a_closed_inbox_says_so(path: Path) -> None:
    webhooks = knocker.open(path)
    endpoint = add_endpoint(webhooks)
    webhooks.close()
    webhooks.close()
    assert webhooks.closed
    for act in (
        lambda: endpoint.receive(b"{}", HEADERS),
        webhooks.stats,
        webhooks.run_worker,
        webhooks.run_worker_once,
    ):
        with pytest.raises(knocker.ClosedError):
            act()


def test_an_unclosed_inbox_warns_and_is_released(path: Path) -> None:
    webhooks = knocker.open(path)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del webhooks


def test_the_same_file_twice_shares_one_engine(path: Path, tmp_path: Path) -> None:
    """Two handles of one process must not lock each other out, and see each other's handlers."""
    link = tmp_path / "link.db"
    with knocker.open(path) as first:
        link.symlink_to(path)
        with knocker.open(str(link)) as second:
            add_endpoint(first).add_handler(lambda event, tx: None)
            first.receive("shop", body(1), HEADERS)
            assert [finished.status for finished in second.run_worker_once()] == ["handled"]
            with pytest.raises(knocker.OpenOptionsConflictError):
                knocker.open(path, max_body_bytes=1)
        assert first.stats().events == {"handled": 1}


def test_paths_of_every_kind(tmp_path: Path) -> None:
    for target in (tmp_path / "a.db", str(tmp_path / "b.db"), str(tmp_path / "c.db").encode()):
        with knocker.open(target) as webhooks:
            assert Path(webhooks.path).exists()
            assert webhooks.sqlite_version.startswith("3.")


def test_100_threads_receive_at_once(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """No error, no lost or doubled row, one event an identity."""
    gate = threading.Barrier(100)

    def receive(number: int) -> List[knocker.Result]:
        gate.wait()
        own = [endpoint.receive(body(f"{number}-{index}"), HEADERS) for index in range(3)]
        return [*own, endpoint.receive(body("shared"), HEADERS)]

    with ThreadPoolExecutor(100) as pool:
        results = [result for some in pool.map(receive, range(100)) for result in some]
    assert {result.status_code for result in results} == {204}
    assert len({result.delivery_id for result in results}) == 400
    assert len({result.event_id for result in results}) == 301
    assert sum(not result.duplicate for result in results) == 301
    counted = query(
        webhooks, "SELECT count(*), count(DISTINCT dedupe_key) FROM knocker_events WHERE dedupe_key IS NOT NULL"
    )
    assert tuple(counted[0]) == (301, 301)
    assert webhooks.stats().deliveries == 401


def test_lists_come_in_pages(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    for number in range(5):
        endpoint.receive(body(number), HEADERS)
    first = webhooks.list_events(limit=3, bodies=True)
    rest = webhooks.list_events(limit=3, cursor=first.cursor)
    assert [event.json()["id"] for event in first] == ["4", "3", "2"]
    assert (len(rest), rest.cursor) == (2, None)
    with pytest.raises(ValueError, match="bodies=True"):
        rest[0].json()
    assert [info.name for info in webhooks.list_endpoints()] == ["shop"]


def test_options_of_the_provider_are_kept_apart(webhooks: knocker.Knocker) -> None:
    with pytest.raises(knocker.InvalidArgumentError, match="event_type_path"):
        webhooks.endpoint(
            "x", provider="token-header", secrets="t", provider_options={**OPTIONS, "event_typ_path": "x"}
        )
