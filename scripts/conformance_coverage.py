"""What the scenarios leave out of the C interface: methods, fields, options, codes, outcomes, shapes.

The surface comes from the library's own tables (the core's runner writes it).
conformance/scenarios/coverage.json gives the reason for each exception; one
that is no longer needed is a problem too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

ROOT = Path(__file__).resolve().parent.parent
EXCEPTIONS = ROOT / "conformance" / "scenarios" / "coverage.json"

#: How a framework may hand over headers and a query, and how a value may look.
SHAPES = (
    *("headers: mapping to text", "headers: mapping to list", "headers: pairs", "headers: Rack names", "headers: bytes", "headers: native"),
    *("query: mapping to text", "query: mapping to list", "query: pairs", "query: text", "query: native"),
    *("value: null", "value: nested", "value: number", "value: object"),
    *("secrets: text", "secrets: list", "secrets: bytes", "secrets: null", "secrets: empty"),
    *("body: text", "body: bytes", "body: empty", "body: parsed", "body: large"),
)
OUTCOMES = ("handled", "raise", "retry_after", "discard", "ignore")


def gaps(scenarios: Dict[str, Dict[str, Any]], surface: Dict[str, Any]) -> List[str]:
    """What no scenario touches and no exception explains."""
    if not surface:
        return ["coverage: the core's runner has not told what there is"]
    touched: Set[str] = set()
    for scenario in scenarios.values():
        for step in every_step(scenario["steps"]):
            touched |= set(touches(step))
    exceptions = json.loads(EXCEPTIONS.read_text(encoding="utf-8")) if EXCEPTIONS.exists() else {}
    wanted = set(needed(surface))
    found = [f"coverage: no scenario has {name}" for name in sorted(wanted - touched - set(exceptions))]
    found += [f"coverage: {name} has a scenario; drop the exception" for name in sorted(touched & set(exceptions))]
    found += [f"coverage: there is no {name}; drop the exception" for name in sorted(set(exceptions) - wanted)]
    return found


def needed(surface: Dict[str, Any]) -> Iterator[str]:
    """All that scenarios must touch."""
    for method, fields in surface["methods"].items():
        yield f"method {method}"
        yield from (f"field {method}.{field}" for field in fields if field not in ("home", "handler_scope"))
    yield from (f"option open.{name}" for name in surface["open"])
    yield from (f"option worker.{name}" for name in surface["worker"] if name != "handler_scope")
    own = ("home", "body_consumed", "ingest", "endpoint")
    yield from (f"field receive.{name}" for name in surface["receive"] if name not in own)
    yield from (f"code {code}" for code in surface["codes"])
    yield from (f"outcome {name}" for name in OUTCOMES)
    yield from (f"shape {name}" for name in SHAPES)


def every_step(steps: List[Any]) -> Iterator[Dict[str, Any]]:
    """The steps, and those of handlers."""
    for step in steps:
        yield step
        yield from every_step(step.get("handler", []))


def touches(step: Dict[str, Any]) -> Iterator[str]:
    """What one step is a case of. A step that must fail shows its error, not what it calls."""
    error = step.get("error")
    if error is not None:
        codes = error if isinstance(error, str) else error.get("code", "")
        for code in codes.get("$one_of", []) if isinstance(codes, dict) else [codes]:
            yield f"code {code}"
    do = step["do"]
    request, options = step.get("request", {}), step.get("options", {})
    if do == "call":
        method = step["method"]
        if error is None:
            yield f"method {method}"
            yield from (f"field {method}.{name}" for name in request)
        if method == "add_endpoint":
            yield from secrets_of(request)
    elif do == "open" and error is None:
        yield from (f"option open.{name}" for name in [*options, "clock"])
    elif do == "handle" and error is None:
        yield "method register_handler"
        yield from (f"field register_handler.{name}" for name in ["endpoint", *options, *(["event_type"] if "event_type" in step else [])])
        if not any(inner["do"] in OUTCOMES for inner in step["handler"]):
            yield "outcome handled"
    elif do == "work" and error is None:
        yield from (f"option worker.{name}" for name in options)
    elif do in ("receive", "ingest"):
        yield from (f"field receive.{name}" for name in request)
        yield from shapes(request)
    elif do in OUTCOMES:
        yield f"outcome {do}"
    elif do == "clock":
        yield from ("method set_clock", "field set_clock.now_s")


def shapes(request: Any) -> Iterator[str]:
    """The shapes that a request shows."""
    if not isinstance(request, dict):
        return
    yield from secrets_of(request)
    for where in ("headers", "query"):
        if where in request:
            yield from fields_of(where, request[where])
    if request.get("body") == "" or request.get("body_base64") == "":
        yield "shape body: empty"
    for name, shape in (("body", "text"), ("body_base64", "bytes"), ("body_parsed", "parsed"), ("body_repeat", "large")):
        if request.get(name):
            yield f"shape body: {shape}"


def fields_of(where: str, value: Any) -> Iterator[str]:
    """The shapes of headers or of a query."""
    if isinstance(value, str):
        yield f"shape {where}: text"
    elif isinstance(value, list):
        yield f"shape {where}: pairs"
        for pair in value:
            yield from values_of(where, pair[1])
    elif isinstance(value, dict) and "$native" in value:
        yield f"shape {where}: native"
    elif isinstance(value, dict):
        for name, item in value.items():
            yield f"shape {where}: mapping to {'list' if isinstance(item, list) else 'text'}"
            if where == "headers" and name.startswith("HTTP_"):
                yield "shape headers: Rack names"
            yield from values_of(where, item)


def values_of(where: str, value: Any) -> Iterator[str]:
    """The shapes of one value."""
    if value is None:
        yield "shape value: null"
    elif isinstance(value, (int, float)):
        yield "shape value: number"
    elif isinstance(value, dict):
        kinds = {"$bytes": f"shape {where}: bytes", "$object": "shape value: object"}
        yield kinds.get(next(iter(value), ""), "shape value: nested")
    elif isinstance(value, list):
        for item in value:
            yield from values_of(where, item)


def secrets_of(request: Dict[str, Any]) -> Iterator[str]:
    """The shapes of secrets."""
    if "secrets" not in request:
        return
    value = request["secrets"]
    items = value if isinstance(value, list) else [value]
    yield "shape secrets: list" if isinstance(value, list) else "shape secrets: text"
    for item in items:
        if item is None:
            yield "shape secrets: null"
        elif item == "":
            yield "shape secrets: empty"
        elif isinstance(item, dict):
            yield "shape secrets: bytes"
