"""The quick forms of headers say exactly what the careful one says."""

from __future__ import annotations

import json
import random
from typing import Any, Dict, List

import pytest
from starlette.datastructures import Headers, QueryParams

import knocker
from conftest import HEADERS
from knocker import _arguments as arguments
from knocker._encoding import encode, fields_text

PIECES = [
    "a",
    "x-y",
    "Ä",
    "\ud800",
    '"',
    '","',
    '":"',
    '"],["',
    "\\",
    "\\u0041",
    "\n",
    "\x00",
    "\x7f",
    "\u2028",
    "日本",
    " ",
    "",
]


def canonical(value: Any) -> List[Any]:
    """Pairs in order, whether they came as an object or as a list."""
    return [list(pair) for pair in value.items()] if isinstance(value, dict) else value


def check(value: Any) -> None:
    text = fields_text(value)
    assert canonical(json.loads(text)) == canonical(json.loads(encode({"it": arguments.fields(value)}))["it"]), value


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        (),
        "",
        "a=b&c=d",
        b"a=\xff",
        {"a": ["b", "c"]},
        {"a": None},
        {"a": 1, "b": 2.5, "c": True},
        {1: "a", None: "b"},
        {b"a": b"b"},
        [("a", "b"), ["c", "d"]],
        [("a", "b", "c"), ("d",)],
        [(b"a", b"b"), (b"a", b"c")],
        [(b"a", b"\xff\x00"), (b"b", "\xe4".encode())],
        [("a", b"b"), (b"c", "d")],
        [("a", bytearray(b"b")), (bytearray(b"c"), memoryview(b"d"))],
        [(bytearray(b"a"), b"b")],
        ["ab", "cd"],
        [{"a": 1, "b": 2}],
        [None],
        [[]],
        Headers({"A": "b"}),
        Headers(raw=[(b"a", b"b"), (b"a", b"c")]),
        Headers(raw=[(b"a", b"\xe4"), (b"b", b'"')]),
        QueryParams("a=1&a=2&b=%22"),
        42,
        object,
    ],
    ids=repr,
)
def test_shapes_of_fields_say_the_same_quickly(value: Any) -> None:
    check(value)


def test_text_of_every_kind_says_the_same_quickly() -> None:
    """Joining is only right where nothing wants an escape: one quotation mark too few would move a boundary."""
    chance = random.Random(4711)

    def text() -> str:
        return "".join(chance.choices(PIECES, k=chance.randrange(3)))

    for _ in range(3000):
        pairs = [(text(), text()) for _ in range(chance.randrange(4))]
        raw = [(name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")) for name, value in pairs]
        mapping: Dict[str, str] = dict(pairs)
        for value in (mapping, pairs, raw):
            check(value)


def test_asgi_headers_arrive(webhooks: knocker.Knocker, endpoint: knocker.Endpoint) -> None:
    """Pairs of bytes, repeated names kept, as an ASGI server hands them over."""
    raw = [(b"x-knocker-token", HEADERS["X-Knocker-Token"].encode()), (b"x-note", b"a"), (b"x-note", b'"b"')]
    result = endpoint.receive(b"{}", raw, method="PUT")
    delivery = webhooks.get_delivery(result.delivery_id or 0)
    assert (result.status_code, delivery.method, delivery.headers["x-note"]) == (204, "PUT", ["a", '"b"'])
