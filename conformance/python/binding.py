"""The Python binding behind the names and the plain form of docs/abi.md."""

from __future__ import annotations

import base64
import dataclasses
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional

from starlette.datastructures import Headers, QueryParams

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "python" / "src"))

import knocker  # noqa: E402

#: What a list answers is called in the reply.
LISTS = {
    "list_events": "events",
    "list_deliveries": "deliveries",
    "list_attempts": "attempts",
    "list_endpoints": "endpoints",
    "list_running": "running",
    "list_prune_audits": "audits",
    "stats_by_endpoint": "endpoints",
    "providers": "providers",
    "poll_hooks": "events",
}
#: Fields whose arguments have another name here: a Python argument should not hide a builtin.
ARGUMENTS = {"get_event": {"id": "event_id"}, "get_delivery": {"id": "delivery_id"}}
#: Methods whose names differ.
METHODS = {"start_retention": "run_retention"}

_EXACT = 2**53 - 1


class Inbox:
    """An open inbox."""

    #: Whose SQLite works where the options don't say it.
    engine: Optional[str] = None

    def __init__(self, path: str, options: Mapping[str, Any]) -> None:
        self.webhooks = knocker.open(path, **{"engine": self.engine, **options})

    def call(self, method: str, request: Mapping[str, Any]) -> Any:
        """Call the public method of this name."""
        names = ARGUMENTS.get(method, {})
        arguments = {names.get(name, name): native(value) for name, value in request.items()}
        answer = getattr(self.webhooks, METHODS.get(method, method))(**arguments)
        return reply(method, answer)

    def receive(self, endpoint: str, request: Dict[str, Any], body: Any, ingest: bool) -> Any:
        """Store one request."""
        arguments: Dict[str, Any] = {name: native(value) for name, value in request.items()}
        headers, query = request.get("headers"), request.get("query")
        if isinstance(headers, dict) and "$native" in headers:
            raw = [(k.lower().encode(), v.encode()) for k, v in pairs_of(headers["$native"])]
            arguments["headers"] = Headers(raw=raw)
        if isinstance(query, dict) and "$native" in query:
            arguments["query"] = QueryParams(pairs_of(query["$native"]))
        method = self.webhooks.ingest if ingest else self.webhooks.receive
        return plain(method(endpoint, body, **arguments))

    def handle(self, endpoint: str, event_type: Optional[str], options: Mapping[str, Any], handler: Callable[[Any, Tx], None]) -> None:
        """Register a handler."""

        def run(event: knocker.Event, tx: knocker.Tx) -> None:
            handler(plain(event), Tx(tx))

        self.webhooks.add_handler(endpoint, event_type, run, **options)

    def work(self, options: Mapping[str, Any]) -> None:
        """Handle what is due now."""
        self.webhooks.run_worker_once(**options)

    def close(self) -> None:
        """Close the inbox."""
        self.webhooks.close()


class Tx:
    """A handler's transaction, with cells for values."""

    def __init__(self, tx: knocker.Tx) -> None:
        self._tx = tx

    def execute(self, sql: str, params: Any) -> Any:
        """Run a statement."""
        done = self._tx.execute(sql, value_of(params) if params is not None else ())
        return {"changes": done.changes, "last_insert_rowid": cell(done.lastrowid)}

    def query(self, sql: str, params: Any) -> Any:
        """Run a query."""
        rows = self._tx.query(sql, value_of(params) if params is not None else ())
        return {"rows": [[cell(value) for value in row] for row in rows]}


def call_alone(method: str, request: Mapping[str, Any]) -> Any:
    """A call that needs no inbox."""
    import knocker.testing

    arguments = dict(request)
    if "body_base64" in arguments:
        arguments["body"] = base64.b64decode(arguments.pop("body_base64"))
    if method == "providers":
        return reply(method, knocker.testing.providers(**arguments))
    signed = plain(knocker.testing.sign_request(**arguments))  # sign answers the headers alone
    return {**signed, "body_base64": signed["body"]}


def ending(step: Mapping[str, Any]) -> Optional[Exception]:
    """What a handler raises for a step that ends it."""
    do = step["do"]
    if do == "raise":
        return RuntimeError(step.get("message", ""))
    if do == "retry_after":
        return knocker.RetryAfter(step["seconds"], step.get("message", ""))
    if do == "discard":
        return knocker.Discard(step.get("reason", ""))
    return knocker.Ignore(step.get("reason", "")) if do == "ignore" else None


def plain_error(error: knocker.KnockerError) -> Dict[str, Any]:
    """An error in the plain form."""
    names = ("code", "message", "http_status", "retryable", "details")
    return {name: plain(getattr(error, name)) for name in names}


def reply(method: str, answer: Any) -> Any:
    """What a method answered, as the reply of docs/abi.md."""
    if answer is None:
        return {}
    if method in LISTS and isinstance(answer, (list, tuple)):
        return {LISTS[method]: plain(list(answer)), "cursor": getattr(answer, "cursor", None), "dropped": getattr(answer, "dropped", 0)}
    if isinstance(answer, bool):
        return {"stopped": answer}
    if isinstance(answer, int):
        return {"event_id": answer}
    if isinstance(answer, knocker.Endpoint):
        return plain(answer.info)
    return plain(answer)


def plain(value: Any) -> Any:
    """A value of the binding as JSON."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if fields.pop("body_included", True) is False:
            fields["body"] = None
        return fields
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def native(value: Any) -> Any:
    """Python's own form of what JSON has none for."""
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        if "$object" in value:
            return object()
        return {name: native(item) for name, item in value.items()}
    return [native(item) for item in value] if isinstance(value, list) else value


def pairs_of(mapping: Mapping[str, Any]) -> List[Any]:
    """A mapping as pairs, repeated names one by one."""
    return [(name, value) for name, values in mapping.items() for value in (values if isinstance(values, list) else [values])]


def value_of(value: Any) -> Any:
    """A parameter's cell as a value; lists and mappings of them too."""
    if isinstance(value, list):
        return [value_of(item) for item in value]
    if not isinstance(value, dict):
        return value
    tag, content = next(iter(value.items())) if len(value) == 1 else ("", None)
    if tag == "int":
        return int(content)
    if tag == "real":
        return float(content)
    if tag == "blob":
        return base64.b64decode(content)
    return {name: value_of(item) for name, item in value.items()}


def cell(value: Any) -> Any:
    """A value of SQLite as a cell."""
    if isinstance(value, bytes):
        return {"blob": plain(value)}
    if isinstance(value, float):
        return {"real": repr(value)}
    if isinstance(value, int) and abs(value) > _EXACT:
        return {"int": str(value)}
    return value
