"""Run every code block of the README and the docs.

    docs_test.py [PAGE.md ...]

A page's blocks run in order in a directory of their own: python blocks in one
interpreter, sh and sql blocks beside it, go blocks through `go vet`, c blocks
through the compiler; json, toml and ini blocks are parsed. Blocks without a
language, or with "text", are not code. Ruby blocks run in order in one Ruby.
scripts/docs_program.py and docs_program.rb say what a block finds when it runs.
Comments in a page steer this, and readers don't see them:

    <!-- new program -->        the blocks below run in a new interpreter and directory
    <!-- skip: reason -->       the next block is not run; the number of these is printed
    <!-- check ... -->          Python that runs here, to see that the blocks above did what they say
    <!-- check ruby ... -->     the same in Ruby
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from docs_program import SECRETS

ROOT = Path(__file__).resolve().parent.parent
TAGS = "sqlite_fts5 sqlite_math_functions sqlite_dbstat"
LIMIT = 120  # seconds a program
NOT_CODE = {"", "text"}
IN_ORDER = {"python", "sh", "sql", "json", "toml", "ini", "check"}
CHECKS = {"<!-- check": "check", "<!-- check ruby": "ruby"}
PYTHON_PROGRAM = [sys.executable, str(ROOT / "scripts/docs_program.py")]
#: Pages about connections of the application's, which need a Python whose SQLite loads extensions: see bindings/python/setup.sh.
ATTACHED = {"docs/orms.md", "bindings/python/README.md"}
ATTACHED_PROGRAM = [str(ROOT / "build/python-attached/bin/python"), PYTHON_PROGRAM[1]]
RUBY_PROGRAM = ["ruby", "-W", "-I", str(ROOT / "bindings/ruby/lib"), str(ROOT / "scripts/docs_program.rb")]


class Block(NamedTuple):
    """One block: where it stands, what it is, and why it is not run, if it is not."""

    page: str
    line: int
    language: str
    source: str
    skipped: Optional[str] = None

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page}:{self.line}"


def default_pages() -> List[Path]:
    """All pages whose blocks are run."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "bindings").glob("*/README.md"))]
    return [page for page in pages if page.exists()]


def programs(page: Path) -> List[List[Block]]:
    """The blocks of a page, one list a program."""
    name = page.resolve().relative_to(ROOT).as_posix()
    lines = page.read_text(encoding="utf-8").splitlines()
    found: List[List[Block]] = [[]]
    reason: Optional[str] = None
    number = 0
    while number < len(lines):
        line = lines[number]
        fence = re.match(r"^( *)(```+)\s*([\w-]*)", line)
        skip = re.match(r"^<!-- skip: (.+) -->$", line)
        start = number + 1
        if fence:
            number = end_of(lines, start, fence[1] + fence[2], name)
            source = "\n".join(text[len(fence[1]) :] for text in lines[start:number])
            found[-1].append(Block(name, start + 1, fence[3], source, reason))
            reason = None
        elif skip:
            reason = skip[1]
        elif line == "<!-- new program -->":
            found.append([])
        elif line in CHECKS:
            number = end_of(lines, start, "-->", name)
            found[-1].append(Block(name, start + 1, CHECKS[line], "\n".join(lines[start:number])))
        elif line.strip() and reason is not None:
            raise SystemExit(f"{name}:{number + 1}: a skip comment stands right before its block")
        number += 1
    return [program for program in found if program]


def end_of(lines: List[str], start: int, mark: str, name: str) -> int:
    """The line that ends what began before start."""
    for number in range(start, len(lines)):
        if lines[number].rstrip() == mark:
            return number
    raise SystemExit(f"{name}:{start}: nothing ends this block")


def run_program(blocks: List[Block], program: List[str]) -> Dict[str, str]:
    """Run blocks in order in one interpreter; place -> what went wrong, "" for nothing."""
    with tempfile.TemporaryDirectory(prefix="docs") as directory:
        job = Path(directory) / "job.json"
        results = Path(directory) / "results"
        inside = Path(directory) / "page"
        inside.mkdir()
        job.write_text(json.dumps([(block.page, block.line, block.language, block.source) for block in blocks]))
        environment = {
            **os.environ,
            **SECRETS,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "bindings/python/src"), str(ROOT / "scripts")]),
            "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        }
        command = [*program, str(job), str(results)]
        log = Path(directory) / "output"
        with log.open("w") as output_file:
            process = subprocess.Popen(command, cwd=inside, env=environment, stdout=output_file, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status: Optional[int] = process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                status = None
            end_group(process)
        output = log.read_text(errors="replace") + ("" if status is not None else f"\nit took longer than {LIMIT} s")
        done = results.read_text().splitlines() if results.exists() else []
    problems = {block.place: "" if block.place in done else "not reached" for block in blocks}
    failed = [place for place in problems if problems[place]]
    if failed:
        problems[failed[0]] = output or "the program ended here"
    elif status != 0:
        problems[blocks[-1].place] = output or "the program ended badly"
    return problems


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End what a program has left running."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def vet(blocks: List[Block]) -> Dict[str, str]:
    """Compile go blocks, each a program or package of its own, in a module beside ours."""
    if not blocks:
        return {}
    with tempfile.TemporaryDirectory(prefix="docs") as directory:
        work = Path(directory)
        modules = ["core", "capi", "bindings/go", "conformance", "bench"]
        version = re.search(r"^go (\S+)$", (ROOT / "go.work").read_text(), re.MULTILINE)
        assert version is not None
        uses = "\n".join(f"use {ROOT / module}" for module in modules)
        (work / "go.work").write_text(f"go {version[1]}\n\nuse ./docs\n{uses}\n")
        if (ROOT / "go.work.sum").exists():
            shutil.copy(ROOT / "go.work.sum", work / "go.work.sum")
        (work / "docs").mkdir()
        (work / "docs" / "go.mod").write_text("module docs\n\ngo 1.24\n")
        for number, block in enumerate(blocks):
            folder = work / "docs" / f"block{number}"
            folder.mkdir()
            # A page's own line numbers in what the compiler says.
            (folder / "main.go").write_text(f"//line {ROOT / block.page}:{block.line}\n{block.source}\n")
        problems = {}
        for number, block in enumerate(blocks):
            result = subprocess.run(
                ["go", "vet", "-tags", TAGS, f"./block{number}"],
                cwd=work / "docs",
                env={**os.environ, "GOWORK": str(work / "go.work")},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            problems[block.place] = result.stdout or "go vet failed" if result.returncode else ""
        return problems


def compile_c(block: Block) -> str:
    """Compile a c block against knocker.h."""
    command = [os.environ.get("CC", "gcc"), "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT / 'capi'}", "-xc", "-"]
    result = subprocess.run(command, input=block.source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.stdout or "it does not compile" if result.returncode else ""


def run_page(page: Path) -> Tuple[Dict[str, str], List[Block]]:
    """Run one page: its problems by place, and what was skipped."""
    problems: Dict[str, str] = {}
    skipped: List[Block] = []
    go: List[Block] = []
    for program in programs(page):
        todo = [block for block in program if block.skipped is None]
        skipped += [block for block in program if block.skipped is not None]
        ordered = [block for block in todo if block.language in IN_ORDER]
        if ordered:
            attached = ordered[0].page in ATTACHED
            problems.update(run_program(ordered, ATTACHED_PROGRAM if attached else PYTHON_PROGRAM))
        ruby = [block for block in todo if block.language == "ruby"]
        if ruby:
            problems.update(run_program(ruby, RUBY_PROGRAM))
        go += [block for block in todo if block.language == "go"]
        problems.update({block.place: compile_c(block) for block in todo if block.language == "c"})
        for block in todo:
            if block.language not in IN_ORDER | NOT_CODE | {"go", "c", "ruby"}:
                problems[block.place] = f"nothing here runs {block.language!r}: teach scripts/docs_test.py, or skip it with a reason"
    problems.update(vet(go))
    return problems, skipped


def main() -> int:
    """Run the pages, and print what failed and what was skipped."""
    pages = [Path(name) for name in sys.argv[1:]] or default_pages()
    passed = failed = 0
    all_skipped: List[Block] = []
    for page in pages:
        problems, skipped = run_page(page)
        bad = {place: text for place, text in problems.items() if text}
        passed, failed = passed + len(problems) - len(bad), failed + len(bad)
        all_skipped += skipped
        print(f"{'FAIL' if bad else 'ok':4}  {page.resolve().relative_to(ROOT)}  {len(problems)} blocks", flush=True)
        for place, text in bad.items():
            print(f"--- {place}\n{text.rstrip()}", flush=True)
    for block in all_skipped:
        print(f"skip  {block.place}: {block.skipped}")
    print(f"{len(all_skipped)} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
