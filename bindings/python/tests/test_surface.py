"""The binding has the whole interface, and says what each part of it does."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from typing import Any, Dict, Iterator, List, Tuple

import pytest

import knocker
import knocker.testing
from conftest import PACKAGE, ROOT

METHODS = ROOT / "capi" / "methods.go"
#: Methods of the library that have another name here, and those that the package itself uses.
RENAMED = {
    "register_handler": "add_handler",
    "unregister_handler": "remove_handler",
    "start_retention": "run_retention",
    "info": "sqlite_version",
}
INTERNAL = {"completion_descriptor"}
ALONE = {"sign", "providers"}
#: Methods without an asynchronous twin: none of them waits.
ONLY_PLAIN = {"add_handler", "handle", "remove_handler", "set_clock", "stop"}
#: Whose twins take **options, described once.
SHORTENED = {"endpoint"}
PROPERTIES = {"closed", "engine", "path", "schema_version", "sqlite_version", "version"}


def library_methods() -> List[str]:
    if not METHODS.is_file():
        pytest.skip("this checkout has no capi/methods.go to compare with")
    names = re.findall(r'^\t(?:of|alone)\("([a-z_]+)"', METHODS.read_text(), re.MULTILINE)
    assert len(names) > 35, "is this test looking in the right place?"
    return names


def public(cls: type) -> Dict[str, Any]:
    return {name: member for name, member in inspect.getmembers(cls) if not name.startswith("_")}


def test_every_method_of_the_library_is_here() -> None:
    missing = []
    for name in library_methods():
        home: Any = knocker.testing if name in ALONE else knocker.Knocker
        if name not in INTERNAL and not hasattr(home, RENAMED.get(name, name)):
            missing.append(name)
    assert missing == []


def test_every_method_has_its_asynchronous_twin() -> None:
    names = public(knocker.Knocker)
    plain = {name for name in names if not (name.startswith("a") and name[1:] in names)}
    without = {name for name in plain if f"a{name}" not in names}
    assert without == ONLY_PLAIN | PROPERTIES


@pytest.mark.parametrize("cls", [knocker.Knocker, knocker.Endpoint], ids=lambda cls: cls.__name__)
def test_twins_take_the_same_arguments(cls: type) -> None:
    names = public(cls)
    for name in names:
        if f"a{name}" in names and name not in SHORTENED:
            one, other = (inspect.signature(names[key]).parameters for key in (name, f"a{name}"))
            assert list(one) == list(other), name
            assert {key: value.default for key, value in one.items()} == {
                key: value.default for key, value in other.items()
            }, name


def documented() -> Iterator[Tuple[str, Any]]:
    for module in (knocker, knocker.testing):
        for name in module.__all__:
            member = getattr(module, name)
            yield name, member
            if inspect.isclass(member) and not issubclass(member, (BaseException, dict)):
                for inner, value in public(member).items():
                    if callable(value) or isinstance(value, property):
                        yield f"{name}.{inner}", value


def test_every_public_name_is_documented() -> None:
    inherited = {"copy", "count", "index", "append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear"}
    bare = [
        name
        for name, member in documented()
        if not inspect.ismodule(member)
        and name.rsplit(".", 1)[-1] not in inherited
        and len((getattr(member, "__doc__", None) or "").strip()) < 10
    ]
    assert bare == []


def test_every_field_and_argument_is_documented() -> None:
    """A reader of the docstrings must meet every name; what a plain form tells, its twin need not."""
    unsaid = []
    for name in knocker.__all__ + [f"testing.{name}" for name in knocker.testing.__all__]:
        member = getattr(knocker.testing, name[8:]) if name.startswith("testing.") else getattr(knocker, name)
        told = " ".join(cls.__doc__ or "" for cls in getattr(member, "__mro__", [])[:2])
        if dataclasses.is_dataclass(member):
            unsaid += [
                f"{name}.{item.name}" for item in dataclasses.fields(member) if item.name not in _EVIDENT | _words(told)
            ]
        elif typing.is_typeddict(member) if hasattr(typing, "is_typeddict") else hasattr(member, "__total__"):
            unsaid += [f"{name}.{key}" for key in member.__annotations__ if key not in _words(told)]
    assert unsaid == []


#: Fields whose names say all, or that docs/concepts.md explains.
_EVIDENT = {
    *("id", "name", "endpoint", "event_id", "delivery_id", "job_id", "worker_id", "event_type", "provider"),
    *("provider_event_id", "provider_delivery_id", "dedupe_key", "method", "received_at", "handled_at", "last_error"),
    *(
        "reason",
        "signature_error",
        "body_digest",
        "attempted_at",
        "error",
        "deliveries",
        "duplicates",
        "attempt",
        "queue_name",
    ),
    *(
        "enabled",
        "paused",
        "message",
        "title",
        "secret",
        "needs_secret",
        "needs_url",
        "signature",
        "headers",
        "handshake",
    ),
    *("events_pruned", "deliveries_pruned", "attempts_pruned", "live_jobs_pruned", "dead_jobs_pruned", "audits_pruned"),
    *(
        "pages_released",
        "aliases",
        "identity",
        "identity_signed",
        "batch",
        "success_status",
        "options",
        "docs",
        "notes",
    ),
    *("type", "query", "body_included", "url"),
}


def _words(text: str) -> typing.Set[str]:
    return set(re.findall(r"\w+", text))


def test_every_public_name_is_tested() -> None:
    """Each name stands in some test, sample or checked page, so that nothing is there that never ran."""
    sources = [*(PACKAGE / "tests").rglob("*.py"), *(PACKAGE / "samples").glob("*.py"), PACKAGE / "README.md"]
    text = " ".join(path.read_text() for path in sources)
    words = _words(text)
    names = {name for name in knocker.__all__ if name not in knocker.errors.__all__} | set(knocker.testing.__all__)
    for cls in (knocker.Knocker, knocker.Endpoint, knocker.Tx, knocker.AsyncTx, knocker.testing.TestInbox):
        names |= set(public(cls))
    assert sorted(names - words) == []


def test_exports_of_testing_are_sorted() -> None:
    assert knocker.testing.__all__ == sorted(knocker.testing.__all__)
