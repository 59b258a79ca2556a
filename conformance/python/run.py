"""The conformance runner of the Python binding: see conformance/README.md.

    python conformance/python/run.py [--results FILE] [--only TEXT] [--verbose] [--engine host]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import binding
import fixtures
import knocker
from scenarios import Scenario

SUITE = Path(__file__).resolve().parents[1]


class Run:
    """What is to be run, and what became of it."""

    def __init__(self, only: str, verbose: bool) -> None:
        self.only = only
        self.verbose = verbose
        self.results: List[Dict[str, str]] = []

    def took(self, name: str, differences: List[str]) -> None:
        """Note a result."""
        if differences:
            print(f"FAIL {name}: {'; '.join(differences)}", flush=True)
            self.results.append({"id": name, "status": "failed", "difference": "; ".join(differences)})
        else:
            self.results.append({"id": name, "status": "passed"})

    def documents(self, pattern: str) -> Iterator[Tuple[Path, int, Dict[str, Any]]]:
        """Yield the items of the lists in some files."""
        for file in sorted(SUITE.glob(pattern)):
            document = json.loads(file.read_text(encoding="utf-8"))
            for index, item in enumerate(document if isinstance(document, list) else [document]):
                yield file, index, item

    def recorded(self) -> None:
        """Run the fixtures and the sequences, in one inbox."""
        with tempfile.TemporaryDirectory() as folder, knocker.open(
            Path(folder) / "inbox.db", clock={"now_s": 1}, engine=binding.Inbox.engine
        ) as webhooks:
            for file, index, case in self.documents("fixtures/*/*.json"):
                name = f"fixtures/{file.parent.name}/{file.stem}#{index}"
                self.recorded_case(webhooks, name, file.parent.name, case)
            for file, index, case in self.documents("sequences/*.json"):
                self.recorded_case(webhooks, f"sequences/{file.stem}#{index}", file.stem, case)

    def recorded_case(self, webhooks: knocker.Knocker, name: str, provider: str, case: Dict[str, Any]) -> None:
        """Run one of them."""
        if self.only not in name:
            return
        run = fixtures.run_sequence if "requests" in case else fixtures.run_case
        try:
            self.took(name, run(webhooks, f"case-{len(self.results)}", provider, case))
        except knocker.KnockerError as error:
            self.took(name, [str(error)])

    def scenarios(self) -> None:
        """Run the scenarios."""
        for file, _, case in self.documents("scenarios/*.json"):
            name = f"scenarios/{file.stem}/{case.get('name')}"
            if file.stem == "coverage" or self.only not in name or "python" in case.get("except", {}):
                continue
            if self.verbose:
                print(f"--- {name}")
            with tempfile.TemporaryDirectory() as folder:
                self.took(name, Scenario(Path(folder), self.verbose).run(case["steps"]))


def main() -> int:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="write the results to this file")
    parser.add_argument("--only", default="", help="run what has this in its id")
    parser.add_argument("--verbose", action="store_true", help="print each step and its reply")
    parser.add_argument("--engine", choices=("embedded", "host"), help="whose SQLite works, where a scenario does not say it")
    arguments = parser.parse_args()
    binding.Inbox.engine = arguments.engine
    run = Run(arguments.only, arguments.verbose)
    run.recorded()
    run.scenarios()
    failed = sum(result["status"] != "passed" for result in run.results)
    if arguments.results:
        arguments.results.write_text(json.dumps({"binding": "python", "results": run.results}, indent=1), encoding="utf-8")
    print(f"{len(run.results) - failed} passed, {failed} failed")
    return 1 if failed or not run.results else 0


if __name__ == "__main__":
    sys.exit(main())
