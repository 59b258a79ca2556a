"""Run the conformance suite through every binding, and print one table.

    conformance.py                 run all; fail on a difference, on what was not executed, on a
                                   gap in the scenarios, and where BINDINGS.md says something else
    conformance.py --write         the same, and write BINDINGS.md
    conformance.py --binding NAME  only this one; BINDINGS.md is left alone
    conformance.py --only TEXT     only what has TEXT in its id; BINDINGS.md is left alone

conformance/README.md describes the suite and what a runner is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Set

import conformance_coverage as coverage
import conformance_table as table

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "conformance"
SUITE = ROOT / "conformance"
TAGS = "sqlite_fts5 sqlite_math_functions sqlite_dbstat"
#: What the C interface has, told by the core's runner.
SURFACE = OUT / "surface.json"


class Runner(NamedTuple):
    """A runner's command, run in the root (it gets --results FILE and maybe --only TEXT), and what make builds before."""

    command: Sequence[str]
    target: str = ""


RUNNERS: Dict[str, Runner] = {
    "core": Runner(
        ["go", "test", "-tags", TAGS, "-count=1", "-run", "^TestConformance$", "./capi", "-args", "--surface", str(SURFACE)]
    ),
    "go": Runner(["go", "run", "-tags", TAGS, "./conformance/go"]),
    "python": Runner([str(ROOT / ".venv" / "bin" / "python"), "conformance/python/run.py"]),
    "node": Runner(["node", "bindings/node/conformance/run.mjs"], "node"),
    "bun": Runner(["bindings/bun/node_modules/.bin/bun", "bindings/bun/conformance/run.ts"], "bun"),
    "ruby": Runner(["ruby", "bindings/ruby/conformance/run.rb"]),
    "elixir": Runner(["bindings/elixir/conformance/run"]),
}
#: All bindings of the project. One without a runner is listed as not proven.
BINDINGS = ("core", "go", "python", "node", "bun", "ruby", "elixir")


class Suite(NamedTuple):
    """All ids, and the scenarios by theirs."""

    ids: List[str]
    scenarios: Dict[str, Dict[str, Any]]


class Ran(NamedTuple):
    """What one runner did: the status of each id, and what it printed if that is of interest."""

    status: Dict[str, str]
    output: str


def load() -> Suite:
    """Read the suite."""
    ids: List[str] = []
    scenarios: Dict[str, Dict[str, Any]] = {}
    for file in sorted(SUITE.glob("fixtures/*/*.json")):
        ids += [f"fixtures/{file.parent.name}/{file.stem}#{n}" for n, _ in enumerate(items(file))]
    for file in sorted(SUITE.glob("sequences/*.json")):
        ids += [f"sequences/{file.stem}#{n}" for n, _ in enumerate(items(file))]
    for file in sorted(SUITE.glob("scenarios/*.json")):
        if file.stem != "coverage":
            scenarios.update({f"scenarios/{file.stem}/{item['name']}": item for item in items(file)})
    return Suite(ids + list(scenarios), scenarios)


def items(file: Path) -> List[Any]:
    """The list that a file holds."""
    document = json.loads(file.read_text(encoding="utf-8"))
    return document if isinstance(document, list) else [document]


def excused(suite: Suite, binding: str) -> Set[str]:
    """The scenarios that a language rules out."""
    return {name for name, scenario in suite.scenarios.items() if binding in scenario.get("except", {})}


def applies(suite: Suite, name: str, binding: str) -> bool:
    """Whether an id counts for a binding: all but what its language rules out."""
    scenario = suite.scenarios.get(name, {})
    return binding not in scenario.get("except", {}) or table.not_yet(scenario, binding)


def run(binding: str, only: str) -> Ran:
    """Run one runner."""
    results = OUT / f"{binding}.json"
    results.unlink(missing_ok=True)
    runner = RUNNERS[binding]
    command = [*runner.command, "--results", str(results), *(["--only", only] if only else [])]
    build = ["make", "--no-print-directory", runner.target] if runner.target else ["true"]
    try:
        done = start(build)
        if done.returncode == 0:
            done = start(command)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran({}, str(error))
    if not results.exists():
        return Ran({}, done.stdout)
    document = json.loads(results.read_text(encoding="utf-8"))
    return Ran({item["id"]: item["status"] for item in document["results"]}, done.stdout)


def start(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in the root, with what it prints."""
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600)


def problems(suite: Suite, binding: str, only: str, ran: Ran) -> List[str]:
    """What keeps a binding from having passed."""
    out = excused(suite, binding)
    wanted = [name for name in suite.ids if only in name and name not in out]
    found = [f"{binding}: {name}: not executed" for name in wanted if name not in ran.status]
    if len(found) == len(wanted):
        return [f"{binding}: nothing was executed"]
    found += [f"{binding}: {name}: {status}" for name, status in ran.status.items() if status != "passed"]
    found += [f"{binding}: {name}: there is no such id" for name in ran.status if name not in suite.ids]
    return found


def print_table(suite: Suite, rans: Dict[str, Ran]) -> int:
    """Print the table; answer how many ids have passed."""
    kinds = ("fixtures", "sequences", "scenarios")
    print(f"{'binding':10}" + "".join(f"{kind:>16}" for kind in kinds))
    passed = 0
    for binding in BINDINGS:
        if binding not in rans:
            print(f"{binding:10}  not run" if binding in RUNNERS else f"{binding:10}  has no runner")
            continue
        cells = []
        for kind in kinds:
            all_ids = [name for name in suite.ids if name.startswith(kind) and applies(suite, name, binding)]
            good = sum(rans[binding].status.get(name) == "passed" for name in all_ids)
            passed += good
            cells.append(f"{good:>8} of {len(all_ids):4}")
        print(f"{binding:10}" + "".join(f"{cell:>16}" for cell in cells))
    return passed


def main() -> int:
    """Run all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write BINDINGS.md")
    parser.add_argument("--binding", choices=sorted(RUNNERS), help="run only this one")
    parser.add_argument("--only", default="", help="run only what has this in its id")
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    suite = load()
    rans: Dict[str, Ran] = {}
    found: List[str] = []
    for binding in RUNNERS:
        if arguments.binding in (None, binding):
            rans[binding] = run(binding, arguments.only)
            wrong = problems(suite, binding, arguments.only, rans[binding])
            if wrong:
                print(rans[binding].output)
            found += wrong
    if not arguments.only and arguments.binding is None:
        found += coverage.gaps(suite.scenarios, json.loads(SURFACE.read_text(encoding="utf-8")) if SURFACE.exists() else {})
        statuses = {binding: ran.status for binding, ran in rans.items()}
        found += table.check(table.Run(suite.scenarios, statuses, BINDINGS), arguments.write)
    for problem in found[:60]:
        print(problem)
    passed = print_table(suite, rans)
    print(f"{passed} passed, {len(found)} failed")
    return 1 if found or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
