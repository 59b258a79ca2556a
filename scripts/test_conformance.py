"""The tools that say what the bindings have shown: each must see what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import conformance_coverage as coverage
import conformance_table as table

import conformance


def scenario(*steps: Dict[str, Any], **more: Any) -> Dict[str, Any]:
    """A scenario of one feature."""
    return {"name": "s", "features": ["f"], "steps": list(steps), **more}


def test_what_was_not_executed_is_a_problem() -> None:
    """A runner that leaves a scenario out must not pass; one that its language rules out may be left out."""
    suite = conformance.Suite(["scenarios/a/s", "scenarios/a/t"], {"scenarios/a/s": scenario(), "scenarios/a/t": scenario(**{"except": {"go": "no"}})})
    ran = conformance.Ran({"scenarios/a/x": "passed", "scenarios/a/t": "failed"}, "")
    assert conformance.problems(suite, "node", "", ran) == [
        "node: scenarios/a/s: not executed",
        "node: scenarios/a/t: failed",
        "node: scenarios/a/x: there is no such id",
    ]
    assert conformance.problems(suite, "go", "", conformance.Ran({"scenarios/a/s": "passed"}, "")) == []
    assert conformance.problems(suite, "go", "", conformance.Ran({}, "")) == ["go: nothing was executed"]


def test_promises_count_as_not_proven() -> None:
    """ "Not yet" keeps the build going, and the scenario in the sum."""
    suite = conformance.Suite([], {"a": scenario(**{"except": {"go": "not yet: it", "ruby": "does not parse"}})})
    assert [conformance.applies(suite, "a", name) for name in ("go", "ruby", "node")] == [True, False, True]


def test_gaps_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A method, a field, an option or a code without a scenario; and an exception that nothing needs."""
    monkeypatch.setattr(coverage, "EXCEPTIONS", tmp_path / "coverage.json")
    monkeypatch.setattr(coverage, "SHAPES", ("query: text",))
    monkeypatch.setattr(coverage, "OUTCOMES", ())
    surface = {"methods": {"get": ["id", "home"], "put": []}, "open": ["mode"], "worker": [], "receive": ["query"], "codes": ["busy", "closed"]}
    steps: List[Dict[str, Any]] = [
        {"do": "call", "method": "get", "request": {"id": 1}},
        {"do": "call", "method": "put", "error": {"code": {"$one_of": ["busy"]}}},  # failed: not a case of put
        {"do": "handle", "handler": [{"do": "receive", "request": {"query": "a=1"}}]},
    ]
    (tmp_path / "coverage.json").write_text('{"code closed": "why", "code busy": "why", "code gone": "why"}')
    assert coverage.gaps({"s": scenario(*steps)}, surface) == [
        "coverage: no scenario has method put",
        "coverage: no scenario has option open.mode",
        "coverage: code busy has a scenario; drop the exception",
        "coverage: there is no code gone; drop the exception",
    ]


def page_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, feature: Dict[str, Any], run: table.Run) -> str:
    """The row that a feature gets."""
    monkeypatch.setattr(table, "FEATURES", tmp_path / "features.json")
    monkeypatch.setattr(table, "TABLE", tmp_path / "BINDINGS.md")
    monkeypatch.setattr(table, "REPORTS", tmp_path)
    (tmp_path / "features.json").write_text(json.dumps({"features": [{"group": "G", "name": "f", "says": "x", **feature}]}))
    assert table.check(run, write=True) == []
    assert table.check(run, write=False) == []
    lines = (tmp_path / "BINDINGS.md").read_text().splitlines()
    return next(line for line in lines if line.startswith("| **f**"))


@pytest.mark.parametrize(
    ("second", "excuse", "cell"),
    [("passed", {}, "yes"), ("failed", {}, "part"), (None, {}, "part"), (None, {"go": "does not compile"}, "yes"), (None, {"go": "not yet"}, "part")],
)
def test_a_feature_is_shown_by_all_its_scenarios(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: Any, excuse: Dict[str, str], cell: str
) -> None:
    """ "yes" only if everything that applies has passed."""
    scenarios = {"scenarios/a/s": scenario(), "scenarios/a/t": scenario(**{"except": excuse})}
    status = {"scenarios/a/s": "passed", **({"scenarios/a/t": second} if second else {})}
    row = page_of(tmp_path, monkeypatch, {}, table.Run(scenarios, {"go": status}, ("go", "ruby")))
    assert row.startswith(f"| **f**: x | {cell} | – | `a/s`")


def test_a_skipped_test_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one of which a variant failed, nor one that has not run."""
    cases = '<testcase name="good"/><testcase name="good[2]"/><testcase name="bad[1]"/><testcase name="bad[2]"><failure/></testcase>'
    (tmp_path / "go.xml").write_text(f'<testsuite>{cases}<testcase name="left"><skipped/></testcase></testsuite>')
    (tmp_path / "attached").mkdir()
    (tmp_path / "attached" / "go.txt").write_text("passed elsewhere\n")
    (tmp_path / "ruby.txt").write_text("passed a sentence\nfailed another\n")
    for tests, cell in ((["good"], "yes"), (["bad"], "–"), (["left"], "–"), (["none"], "–"), (["good", "left"], "part")):
        row = page_of(tmp_path, monkeypatch, {"tests": {"go": tests}}, table.Run({}, {"go": {}}, ("go",)))
        assert row.startswith(f"| **f**: x | {cell} |")
    assert table.report("ruby") == {"a sentence": True, "another": False}


def test_the_tests_of_attached_inboxes_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their report stands beside the other; a name that has failed in either has not passed, and both must be there."""
    (tmp_path / "attached").mkdir()
    (tmp_path / "python.xml").write_text('<testsuite><testcase name="a"/><testcase name="b"/></testsuite>')
    monkeypatch.setattr(table, "REPORTS", tmp_path)
    assert table.report("python") is None
    cases = '<testcase name="b"><failure/></testcase><testcase name="c[sqlite3]"/>'
    (tmp_path / "attached" / "python.xml").write_text(f"<testsuite>{cases}</testsuite>")
    assert table.report("python") == {"a": True, "b": False, "c[sqlite3]": True}


def test_an_outdated_page_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says what the last run has shown, or the build fails."""
    run = table.Run({"scenarios/a/s": scenario()}, {"go": {"scenarios/a/s": "passed"}}, ("go",))
    page_of(tmp_path, monkeypatch, {}, run)
    worse = table.Run(run.scenarios, {"go": {"scenarios/a/s": "failed"}}, ("go",))
    assert len(table.check(worse, write=False)) == 1


def test_features_and_scenarios_name_each_other() -> None:
    """A scenario of an unknown feature, and a feature that nothing shows."""
    found = table.names({"features": [{"name": "g"}, {"name": "h", "tests": {"go": ["T"]}}]}, {"s": scenario()})
    assert found == ["f: no such feature in conformance/features.json", "conformance/features.json: nothing shows 'g'"]
