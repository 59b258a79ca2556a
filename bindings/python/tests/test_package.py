"""The package itself: its names, and what works without the library."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import knocker
from conftest import PACKAGE, ROOT, run


def test_exports_are_sorted_and_present() -> None:
    own = knocker.__all__[: knocker.__all__.index("KnockerError")]
    assert own == sorted(own)
    assert all(hasattr(knocker, name) for name in knocker.__all__)
    assert len(set(knocker.__all__)) == len(knocker.__all__)


def test_import_loads_no_library() -> None:
    """A process that only imports must stay free to fork, and start fast."""
    assert (
        run("import knocker, knocker._library as l; print(l._loaded, 'libknocker' in open('/proc/self/maps').read())")
        == "None False"
    )


def test_results_are_made_by_keyword_without_the_library() -> None:
    script = """
import knocker, knocker._library as l
event = knocker.Event(id=1, endpoint="x", body=b'{"a": 1}')
result = knocker.Result(delivery_id=1, event_id=2)
assert event.json() == {"a": 1} and event.body_blob == event.body
assert result.response.content == b"" and result.status_code == 204
print(l._loaded)
"""
    assert run(script) == "None"


def test_results_are_frozen() -> None:
    event = knocker.Event(id=1, endpoint="x")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.id = 2  # type: ignore[misc]


def test_unknown_reply_fields_are_left_out() -> None:
    info = knocker.EndpointInfo.from_reply({"id": 1, "name": "x", "path": "/x", "of_a_newer_library": True})
    assert info == knocker.EndpointInfo(id=1, name="x", path="/x")


def test_every_code_has_its_exception() -> None:
    error = knocker.BusyError()
    assert (error.code, error.http_status, error.retryable) == ("busy", 503, True)
    assert isinstance(error, knocker.KnockerError)
    copy = pickle.loads(pickle.dumps(knocker.NotFoundError("no event has id 9", details={"id": 9})))
    assert (type(copy), copy.message, copy.details) == (knocker.NotFoundError, "no event has id 9", {"id": 9})


def test_an_unknown_code_of_a_newer_library_is_still_an_error() -> None:
    from knocker._errors import error_from_reply

    error = error_from_reply({"code": "brand_new", "message": "m", "http_status": 418, "retryable": True})
    assert (type(error), error.code, error.http_status, error.retryable) == (
        knocker.KnockerError,
        "brand_new",
        418,
        True,
    )


def test_error_classes_are_current() -> None:
    """The exceptions come from the core's own table, so no language drifts."""
    command = [sys.executable, str(PACKAGE / "tools" / "generate_errors.py"), "--check"]
    if not (ROOT / "core" / "cmd" / "errortable").is_dir():
        pytest.skip("this checkout has no core/cmd/errortable to compare with")
    assert subprocess.run(command, check=False).returncode == 0


def test_a_missing_library_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import knocker._library as library

    monkeypatch.setattr(library, "__file__", str(tmp_path / "knocker" / "_library.py"))
    with pytest.raises(knocker.UnsupportedPlatformError, match="make lib"):
        library.find()


def test_musl_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Go library can't be loaded into musl, and the loader's own words help nobody."""
    import knocker._library as library

    monkeypatch.setattr(library, "_has_glibc", lambda: False)
    with pytest.raises(knocker.UnsupportedPlatformError, match="glibc"):
        library._load(library.find())


def test_another_interface_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import knocker._library as library

    monkeypatch.setattr(library, "ABI_VERSION", 99)
    with pytest.raises(knocker.UnsupportedPlatformError, match="version"):
        library._load(library.find())


def test_type_errors_of_options_are_found_by_mypy(tmp_path: Path) -> None:
    """Unknown options are an error at run time and for the type checker."""
    program = tmp_path / "program.py"
    program.write_text("import knocker\nknocker.open('x', quue_name='y')\n")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(program)],
        env={"MYPYPATH": str(PACKAGE / "src"), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert checked.returncode == 1
    assert 'expected "Never"' in checked.stdout or 'expected "NoReturn"' in checked.stdout


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_it_runs_on_other_pythons(version: str, path: Path) -> None:
    found = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python"))
    if not found:
        pytest.skip(f"Python {version} is not installed here")
    script = """
import asyncio, sys, knocker
with knocker.open(sys.argv[1]) as w:
    e = w.endpoint("x", provider="token-header", secrets="t")
    @e.handle()
    async def handler(event, tx):
        await tx.execute("CREATE TABLE app (v)")
    e.receive(b"{}", {"X-Knocker-Token": "t"})
    async def main():
        await e.areceive(b"{}", {"X-Knocker-Token": "t"})
        return await w.arun_worker_once()
    print([finished.status for finished in asyncio.run(main())])
"""
    command = [str(found[0]), "-W", "error", "-c", script, str(path)]
    result = subprocess.run(
        command, env={"PYTHONPATH": str(PACKAGE / "src")}, stdout=subprocess.PIPE, text=True, check=True
    )
    assert result.stdout.strip() == "['handled', 'failed']"
