"""Run the blocks of one documentation page, in order, in one interpreter.

Started by docs_test.py in an empty directory. What a block finds there:

  * the package knocker, FastAPI, Flask, Django and what they bring;
  * the secrets of the samples in the environment: STRIPE_SECRET, GITHUB_SECRET, ORDERS_TOKEN; and PORT, a free port;
  * files: a block whose first line is a comment with a file's name, `# app.py`, is also written to that file;
  * the names of the blocks above it. `__name__` is the page, so a sample's `if __name__ == "__main__":` does not run;
  * sql blocks run in the sqlite3 shell, a process of its own, on app.db.

A check (see docs_test.py) can also call `signed(provider, body)`: the headers
that the sender would send for a body, signed with the secrets above.
"""

from __future__ import annotations

import configparser
import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import types
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, Union

SECRETS = {"STRIPE_SECRET": "whsec_a2V5IG9mIHRoZSBkb2Nz", "GITHUB_SECRET": "key of the docs", "ORDERS_TOKEN": "token of the docs"}


def signed(provider: str, body: Union[bytes, str], **more: str) -> Dict[str, str]:
    """Headers as the named sender would send them for this body."""
    raw = body.encode() if isinstance(body, str) else body
    headers = {"content-type": "application/json"}
    if provider == "stripe":
        now = str(int(time.time()))
        digest = hmac.new(SECRETS["STRIPE_SECRET"].encode(), now.encode() + b"." + raw, hashlib.sha256).hexdigest()
        headers["stripe-signature"] = f"t={now},v1={digest}"
    elif provider == "github":
        digest = hmac.new(SECRETS["GITHUB_SECRET"].encode(), raw, hashlib.sha256).hexdigest()
        headers["x-hub-signature-256"] = f"sha256={digest}"
        headers["x-github-delivery"] = str(uuid.uuid4())
        headers["x-github-event"] = "issues"
    elif provider == "token-header":
        headers["x-knocker-token"] = SECRETS["ORDERS_TOKEN"]
    else:
        raise ValueError(f"no sample signs as {provider}")
    return {**headers, **more}


def run_shell(source: str) -> None:
    """Run a sh block."""
    subprocess.run(["bash", "-euo", "pipefail", "-c", source], check=True)


def run_sql(source: str) -> None:
    """Run a sql block on the page's database."""
    subprocess.run(["sqlite3", "-batch", "-bail", "app.db"], input=source, text=True, check=True)


def parse_ini(source: str) -> None:
    """Parse an ini block: systemd's units repeat names."""
    configparser.ConfigParser(strict=False, interpolation=None).read_string(source)


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


OTHERS: Dict[str, Callable[[str], Any]] = {"sh": run_shell, "sql": run_sql, "json": json.loads, "toml": tomllib.loads, "ini": parse_ini}


def main() -> None:
    """Run the blocks; each that ends well is told in the results file."""
    job, results = Path(sys.argv[1]), Path(sys.argv[2])
    os.environ.update(SECRETS, PORT=str(free_port()))
    sys.path.insert(0, os.getcwd())
    page = types.ModuleType("page")
    sys.modules["page"] = page
    page.__dict__["signed"] = signed
    for name, line, language, source in json.loads(job.read_text()):
        file_name = re.match(r"^# ([\w-]+\.[a-z]+)$", source.partition("\n")[0])
        if file_name:
            Path(file_name[1]).write_text(source + "\n")
        if language in OTHERS:
            OTHERS[language](source)
        else:
            code = compile("\n" * (line - 1) + source, name, "exec", dont_inherit=True)
            exec(code, page.__dict__)
        with results.open("a") as done:
            done.write(f"{name}:{line}\n")


if __name__ == "__main__":
    main()
