"""BINDINGS.md: which binding has shown which feature, and by what. Made from a run.

conformance/features.json lists the features. Each is shown by the scenarios
that have it among their "features", by fixtures, or by named tests of a
binding's own test run, which leaves its report at build/tests/<binding>.xml
(JUnit's format) or .txt (lines "passed NAME" and "failed NAME"). Some bindings
run their tests of attached inboxes apart, with an environment that has the
ORMs: that run's report is at build/tests/attached/<binding>.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "BINDINGS.md"
FEATURES = ROOT / "conformance" / "features.json"
REPORTS = ROOT / "build" / "tests"
#: Those whose tests of attached inboxes are a run of their own.
APART = ("go", "python", "node", "bun")


class Run(NamedTuple):
    """A run of the suite."""

    scenarios: Dict[str, Dict[str, Any]]
    statuses: Dict[str, Dict[str, str]]  # binding -> id -> status
    bindings: Sequence[str]


class Row(NamedTuple):
    """One feature: what each binding has shown, and by what."""

    group: str
    name: str
    says: str
    cells: Dict[str, str]
    proof: str


def check(run: Run, write: bool) -> List[str]:
    """Write the table, or compare it; answer the problems."""
    features = json.loads(FEATURES.read_text(encoding="utf-8"))
    found = names(features, run.scenarios)
    if found:
        return found
    reports = {binding: report(binding) for binding in run.bindings}
    missing = [name for name in run.bindings if reports[name] is None and any(name in f.get("tests", {}) for f in features["features"])]
    for name in missing:
        print(f"no report of {name}'s own tests: run them first, and the table shows what they prove")
    rows = [row_of(feature, run, reports) for feature in features["features"]]
    text = page(rows, features, run)
    if write:
        TABLE.write_text(text, encoding="utf-8")
    elif not TABLE.exists() or TABLE.read_text(encoding="utf-8") != text:
        if not missing:
            return ["BINDINGS.md does not say what this run has shown: run scripts/conformance.py --write"]
        print("BINDINGS.md was not compared")
    return []


def names(features: Dict[str, Any], scenarios: Dict[str, Dict[str, Any]]) -> List[str]:
    """Features that have no scenario, and scenarios of unknown features."""
    known = {feature["name"] for feature in features["features"]}
    used = {name for scenario in scenarios.values() for name in scenario["features"]}
    found = [f"{name}: no such feature in conformance/features.json" for name in sorted(used - known)]
    for feature in features["features"]:
        if feature["name"] not in used and not feature.get("tests") and not feature.get("recorded"):
            found.append(f"conformance/features.json: nothing shows {feature['name']!r}")
    return found


def row_of(feature: Dict[str, Any], run: Run, reports: Dict[str, Optional[Dict[str, bool]]]) -> Row:
    """What each binding has shown of one feature."""
    own = [name for name, scenario in run.scenarios.items() if feature["name"] in scenario["features"]]
    recorded = tuple(feature.get("recorded", []))
    proof = [*recorded, *(short(name) for name in own)]
    cells = {}
    for binding in run.bindings:
        status = run.statuses.get(binding, {})
        ids = [name for name in own if not run.scenarios[name].get("except", {}).get(binding) or not_yet(run.scenarios[name], binding)]
        ids += [name for name in status if recorded and name.startswith(recorded)]
        tests = feature.get("tests", {}).get(binding, [])
        tested = reports[binding] or {}
        passed = [status.get(name) == "passed" for name in ids] + [has_passed(tested, test) for test in tests]
        cells[binding] = "–" if not any(passed) else "yes" if all(passed) else "part"
        proof += [f"{binding}: {test}" for test in tests]
    return Row(feature["group"], feature["name"], feature["says"], cells, ", ".join(f"`{name}`" for name in proof))


def has_passed(tested: Dict[str, bool], test: str) -> bool:
    """Whether a named test has passed, in all its variants ("name[variant]", "name/variant")."""
    found = [passed for name, passed in tested.items() if name == test or name.startswith((f"{test}[", f"{test}/"))]
    return bool(found) and all(found)


def not_yet(scenario: Dict[str, Any], binding: str) -> bool:
    """Whether a binding does not run a scenario only because it is still behind: no proof, and no failure."""
    reason: str = scenario.get("except", {}).get(binding, "")
    return reason.startswith("not yet")


def report(binding: str) -> Optional[Dict[str, bool]]:
    """The tests of a binding's own runs, and whether each has passed; None where one of the runs has left no report."""
    tested: Dict[str, bool] = {}
    for folder in (REPORTS, REPORTS / "attached") if binding in APART else (REPORTS,):
        found = read_report(folder, binding)
        if found is None:
            return None
        for name, passed in found.items():
            tested[name] = tested.get(name, True) and passed
    return tested


def read_report(folder: Path, binding: str) -> Optional[Dict[str, bool]]:
    """One report, whichever of the two formats it has; None where there is none."""
    text, xml = folder / f"{binding}.txt", folder / f"{binding}.xml"
    if xml.exists():
        cases = ElementTree.parse(xml).getroot().iter("testcase")
        return {case.get("name", ""): not any(child.tag in ("failure", "error", "skipped") for child in case) for case in cases}
    if text.exists():
        lines = (line.partition(" ") for line in text.read_text(encoding="utf-8").splitlines())
        return {name: status == "passed" for status, _, name in lines}
    return None


def short(name: str) -> str:
    """A scenario's id without its folder."""
    return name.removeprefix("scenarios/")


HEAD = """# What each binding has shown

<!-- Made by `scripts/conformance.py --write` from a run of the conformance suite; don't edit. -->

"yes": every proof in the last column has passed in this binding, through its public interface and the real library. "part": some
have. "–": none. Proofs with a slash are scenarios of `conformance/scenarios/`, which all bindings run alike; `fixtures/` and
`sequences/` are recorded requests; the others are tests of one binding by name. `make conformance` runs the suite, and fails if
this page says anything else than what it shows.
"""


def page(rows: List[Row], features: Dict[str, Any], run: Run) -> str:
    """The whole page."""
    text = HEAD
    for group in dict.fromkeys(row.group for row in rows):
        text += f"\n## {group}\n\n| feature | {' | '.join(run.bindings)} | proof |\n|{' --- |' * (len(run.bindings) + 2)}\n"
        for row in rows:
            if row.group == group:
                cells = " | ".join(row.cells[binding] for binding in run.bindings)
                text += f"| **{row.name}**: {row.says} | {cells} | {row.proof} |\n"
    text += "\n## Not proven yet\n\n"
    return text + "".join(f"- {line}\n" for line in unproven(rows, features, run))


def unproven(rows: List[Row], features: Dict[str, Any], run: Run) -> List[str]:
    """What no run has shown."""
    lines = [f"{binding}: everything; it has no runner." for binding in run.bindings if binding not in run.statuses]
    for binding in run.statuses:
        open_features = [f"{row.name} ({row.cells[binding]})" for row in rows if row.cells[binding] != "yes"]
        if open_features:
            lines.append(f"{binding}: {', '.join(open_features)}.")
    for name, scenario in run.scenarios.items():
        lines += [f"{binding}, `{short(name)}`: {reason}." for binding, reason in scenario.get("except", {}).items()]
    lines += [f"No scenario for {name}: {reason}." for name, reason in exceptions().items()]
    return lines + list(features.get("not_proven", []))


def exceptions() -> Dict[str, str]:
    """What no scenario can show, with the reason."""
    path = ROOT / "conformance" / "scenarios" / "coverage.json"
    reasons: Dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return reasons
