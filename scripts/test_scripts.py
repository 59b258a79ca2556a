"""The tools that judge everything else: each must see what it is there for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import docs_test
import go_test
import test as steps
import tidy


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a page made of this text; problems by line, and how many blocks were skipped."""
    monkeypatch.setattr(docs_test, "ROOT", tmp_path)
    repository = Path(__file__).resolve().parent.parent
    for name in ("scripts", "bindings", "capi", "build", ".venv"):
        (tmp_path / name).symlink_to(repository / name)

    def run(text: str) -> Any:
        (tmp_path / "page.md").write_text(text)
        problems, skipped = docs_test.run_page(tmp_path / "page.md")
        return {int(place.rpartition(":")[2]): bool(text) for place, text in problems.items()}, len(skipped)

    return run


def test_a_failing_block_and_those_after_it_fail(page: Any) -> None:
    """Later blocks stand on the earlier ones, so none of them counts as run."""
    text = "```python\na = 1\n```\n```python\nassert a == 2\n```\n```python\nb = 1\n```\n"
    assert page(text) == ({2: False, 5: True, 8: True}, 0)


def test_checks_see_the_blocks_and_programs_are_apart(page: Any) -> None:
    """A check shares the names of its program, and of no other."""
    text = "```python\na = 1\n```\n<!-- check\nassert a == 1\n-->\n<!-- new program -->\n```python\nassert 'a' not in globals()\n```\n"
    assert page(text) == ({2: False, 5: False, 9: False}, 0)


@pytest.mark.parametrize(
    ("language", "source", "bad"),
    [
        ("sh", "false", True),
        ("sh", "true", False),
        ("sql", "SELEKT", True),
        ("sql", "SELECT 1;", False),
        ("json", "{", True),
        ("toml", "a = ", True),
        ("ini", "no section", True),
        ("c", '#include "knocker.h"\nuint32_t f(void) { return knocker_abi_version(); }', False),
        ("c", '#include "knocker.h"\nint f(void) { return knocker_none(); }', True),
        ("cobol", "MOVE A TO B", True),
    ],
)
def test_each_language(page: Any, language: str, source: str, bad: bool) -> None:
    """A language that nothing runs is a failure, not a silence."""
    assert page(f"```{language}\n{source}\n```\n") == ({2: bad}, 0)


def test_skipping_needs_a_reason_and_is_counted(page: Any) -> None:
    """What is not run is told."""
    assert page("<!-- skip: needs a phone -->\n```python\n1 / 0\n```\n```text\nnot code\n```\n") == ({}, 1)
    with pytest.raises(SystemExit, match="right before"):
        page("<!-- skip: reason -->\nwords\n")


def test_a_program_that_dies_fails_the_block_it_was_in(page: Any) -> None:
    """An exit in the middle must not look like success."""
    assert page("```python\nimport os\nos._exit(0)\n```\n") == ({2: True}, 0)


@pytest.mark.parametrize(
    ("status", "output", "counts"),
    [
        (0, ["ok"], (1, 0)),
        (1, ["ok"], (0, 1)),
        (0, ["12 passed, 0 failed"], (12, 0)),
        (1, ["12 passed, 0 failed"], (12, 1)),
        (1, ["=== 2 failed, 5 passed, 1 error in 3.21s ==="], (5, 3)),
        (0, ["=== 5 passed, 1 skipped in 61.20s (0:01:01) ==="], (5, 0)),
        (0, ["he said: 12 passed, 0 failed"], (1, 0)),
    ],
)
def test_counts_of_steps(status: int, output: List[str], counts: Any) -> None:
    """The exit status is believed before the counts."""
    assert steps.count(status, output) == counts


def go_events(*events: Dict[str, Any]) -> go_test.Tally:
    """A tally that has seen these events of one package."""
    tally = go_test.Tally()
    for event in events:
        tally.add({"Package": "p", **event})
    return tally


def test_go_tests_are_counted_by_their_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    """A parent is no test of its own."""
    tally = go_events(
        {"Action": "pass", "Test": "A/one"}, {"Action": "fail", "Test": "A/two"}, {"Action": "fail", "Test": "A"}, {"Action": "fail"}
    )
    assert tally.close() == 1
    assert capsys.readouterr().out.endswith("1 passed, 1 failed\n")


def test_a_go_package_that_dies_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """A crash between tests, or a build that fails, has no failing test."""
    tally = go_events({"Action": "pass", "Test": "A"}, {"Action": "output", "Output": "panic\n"}, {"Action": "fail"})
    assert tally.close() == 1
    assert "panic" in capsys.readouterr().out


def test_no_go_test_at_all_is_a_failure() -> None:
    """A pattern that matches nothing must not look like success."""
    assert go_events({"Action": "pass"}).close() == 1


def test_tidy_sees_what_it_forbids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One offence a rule."""
    monkeypatch.setattr(tidy, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    files = {
        "long.go": "x\n" * 501,
        "space.py": "a = 1 \n",
        "tab.md": "\ttab\n",
        "end.sql": "SELECT 1",
        "word.go": "// written by chat" + "gpt\n",
        "README.md": "[gone](gone.md)\n",
        "docs/lost.md": "# Lost\n",
        "Makefile": "helpless: x\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    paths = [tmp_path / name for name in files]
    found = {name: [rule.__name__ for rule in tidy.RULES for problem in rule(paths) if problem.startswith(name)] for name in files}
    assert found == {
        "long.go": ["lengths"],
        "space.py": ["form"],
        "tab.md": ["form"],
        "end.sql": ["form"],
        "word.go": ["words"],
        "README.md": ["links"],
        "docs/lost.md": ["links"],
        "Makefile": ["make_help"],
    }
