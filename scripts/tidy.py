"""House rules that no other tool checks.

  * a code file has at most 500 lines;
  * text has no tabs where the language has none, no trailing spaces, and ends with one newline;
  * every page of docs/ can be reached from the README by links, and no link is dead;
  * nothing names how the project is developed;
  * every target of the Makefile is in `make help`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, List, Set

ROOT = Path(__file__).resolve().parent.parent

LONGEST = 500
CODE = {".go", ".c", ".h", ".py", ".sh", ".sql", ".js", ".ts", ".rb", ".ex", ".exs"}
TEXT = CODE | {".md", ".toml", ".yml", ".yaml", ".mk", ".json", ".map", ".txt", ".cfg"}
WITHOUT_TABS = {".py", ".md", ".sql", ".toml", ".yml", ".yaml", ".js", ".ts", ".rb", ".ex", ".exs"}
#: Files that others have written, or that a program writes.
FOREIGN = ("core/sqlite/include/", "conformance/fixtures/", "bench/results/", "bindings/python/src/knocker/_error_codes.py")

# Put together here, so that this file does not contain what it looks for.
FORBIDDEN = re.compile(
    "|".join(
        [
            "clau" + "de",
            "anthro" + "pic",
            "open" + "ai code",
            "chat" + "gpt",
            "co-" + "authored-by",
            r"(?<![\w/])/wo" + r"rk/",
            r"/tmp/" + "spec",
            r"\bLL" + r"M\b",
            r"\bsub" + "agent",
            r"\.\./sha" + "red",
        ]
    ),
    re.IGNORECASE,
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def tracked() -> List[Path]:
    """The files of the project, new ones too, without what is ignored."""
    out = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    return [ROOT / name for name in out.split("\0") if name and (ROOT / name).is_file()]


def name_of(path: Path) -> str:
    """The path in the project."""
    return path.relative_to(ROOT).as_posix()


def is_text(path: Path) -> bool:
    """Whether the rules on form apply."""
    return (path.suffix in TEXT or path.name == "Makefile") and not name_of(path).startswith(FOREIGN)


def lengths(files: List[Path]) -> Iterator[str]:
    """Code files that are too long."""
    for path in files:
        if path.suffix in CODE and is_text(path):
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > LONGEST:
                yield f"{name_of(path)}: {lines} lines; at most {LONGEST}"


def form(files: List[Path]) -> Iterator[str]:
    """Tabs, trailing spaces, and the end of files."""
    for path in files:
        if not is_text(path):
            continue
        text = path.read_text(encoding="utf-8")
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            yield f"{name_of(path)}: does not end with one newline"
        fenced_go = False
        for number, line in enumerate(text.splitlines(), 1):
            if path.suffix == ".md" and line.startswith("```"):
                fenced_go = line.startswith("```go")
            if line != line.rstrip():
                yield f"{name_of(path)}:{number}: trailing space"
            if "\t" in line and path.suffix in WITHOUT_TABS and not fenced_go:
                yield f"{name_of(path)}:{number}: tab"


def words(files: List[Path]) -> Iterator[str]:
    """What the project does not speak of."""
    for path in files:
        if path.suffix in TEXT or path.suffix == "" and path.name != "LICENSE":
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                found = FORBIDDEN.search(line)
                if found:
                    yield f"{name_of(path)}:{number}: says {found[0]!r}"


def links(files: List[Path]) -> Iterator[str]:
    """Dead links, and pages of docs/ that the README does not lead to."""
    reached: Set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        waiting += [target for target in targets(page) if target.suffix == ".md"]
    for path in files:
        if path.suffix != ".md":
            continue
        if path.parent == ROOT / "docs" and path not in reached:
            yield f"{name_of(path)}: the README does not lead to this page"
        for target in targets(path):
            if not target.exists():
                yield f"{name_of(path)}: dead link to {target}"


def targets(page: Path) -> List[Path]:
    """The files of the project that a page links to."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = []
    for link in LINK.findall(text):
        if "://" not in link and not link.startswith(("#", "mailto:")):
            found.append((page.parent / link.partition("#")[0]).resolve())
    return found


def make_help(files: List[Path]) -> Iterator[str]:
    """Targets of the Makefile without a line of help."""
    del files
    for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines():
        if re.match(r"^[a-z][a-z-]*:(?!=)", line) and "## " not in line:
            yield f"Makefile: no help for {line.partition(':')[0]}"


RULES: List[Callable[[List[Path]], Iterator[str]]] = [lengths, form, words, links, make_help]


def main() -> int:
    """Check every rule."""
    files = tracked()
    found = [problem for rule in RULES for problem in rule(files)]
    print("\n".join(found) if found else f"tidy: {len(files)} files, {len(RULES)} rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
