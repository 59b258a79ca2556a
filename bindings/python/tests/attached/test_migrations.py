"""What migration tools make of a file that has the inbox's tables: the filters of docs/orms.md, with the real tools."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Set

import pytest
from hosting import connect, environment, rows, send, shop

import knocker
from conftest import ROOT

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Order(Base):
    __tablename__ = "orders"
    event: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]
"""


def tables(path: Path) -> Set[str]:
    return {row[0] for row in rows(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=folder,
        env={**environment(), "DJANGO_SETTINGS_MODULE": "settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def alembic(folder: Path, *commands: str) -> None:
    """Run Alembic's command line, several commands in one process: importing takes longer than running."""
    python(
        folder,
        "-c",
        "import sys; from alembic.config import main\nfor line in sys.argv[1:]: main(line.split())",
        *commands,
    )


def manage(folder: Path, *commands: str) -> str:
    """Run Django's command line, several commands in one process."""
    program = (
        "import importlib, sys; from django.core.management import execute_from_command_line as run\n"
        "for line in sys.argv[1:]: importlib.invalidate_caches(); run(['manage.py', *line.split()])"
    )
    return python(folder, "-c", program, *commands)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a file that an inbox has been in use on."""
    db = connect(tmp_path / "app.db")
    inbox = knocker.attach(db)
    shop(inbox)
    inbox.add_handler("shop", lambda event, tx: None)
    send(inbox)
    inbox.run_worker_once()
    db.close()
    return tmp_path


def documented_filter() -> str:
    """The block of docs/orms.md, so that what is tested is what is told."""
    found = re.search(r"```python\n# inbox_tables.py\n(.*?)```", (ROOT / "docs" / "orms.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


FILTERS = {
    "none": ("", ""),
    "include_name": (documented_filter(), "include_name=include_name, "),
    "include_object": (
        "def include_object(object, name, type_, reflected, compare_to):\n"
        '    return type_ != "table" or not name.startswith(("knocker_", "_honker_"))\n',
        "include_object=include_object, ",
    ),
}


@pytest.mark.parametrize("used", list(FILTERS))
def test_alembic_autogenerate(project: Path, used: str) -> None:
    """Without a filter it would drop the inbox; with either it sees the application's tables alone, also the next time."""
    function, argument = FILTERS[used]
    (project / "models.py").write_text(MODELS)
    alembic(project, "init migrations")
    settings = project / "alembic.ini"
    settings.write_text(re.sub(r"(?m)^sqlalchemy.url = .*$", "sqlalchemy.url = sqlite:///app.db", settings.read_text()))
    env = project / "migrations" / "env.py"
    text = env.read_text().replace(
        "target_metadata = None", f"from models import Base\ntarget_metadata = Base.metadata\n{function}"
    )
    assert text.count("context.configure(") == 2
    env.write_text(text.replace("context.configure(", f"context.configure({argument}"))
    before = tables(project / "app.db")
    alembic(project, "revision --autogenerate", *(["upgrade head", "check"] if used != "none" else []))
    (made,) = (project / "migrations" / "versions").glob("*.py")
    operations = re.findall(r"op\.(\w+)\('(\w+)'", made.read_text())
    ours = [name for _, name in operations if "knocker" in name or "honker" in name]
    assert ("create_table", "orders") in operations
    if used == "none":
        assert ("drop_table", "knocker_events") in operations, "then the filter would not be needed"
        return
    assert ours == []
    assert tables(project / "app.db") == before | {"orders", "alembic_version"}
    alembic(project, "downgrade base")
    assert rows(project / "app.db", "SELECT status FROM knocker_events") == [("handled",)]


SETTINGS = """
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "app.db"}}
INSTALLED_APPS = ["shop"]
SECRET_KEY = "of the tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
DJANGO_MODELS = """
from django.db import models

class Order(models.Model):
    total = models.IntegerField()
"""


def test_django_leaves_what_it_has_no_model_of(project: Path) -> None:
    """Migrating, migrating back and flushing; inspectdb alone looks at all tables, unless told which."""
    (project / "settings.py").write_text(SETTINGS)
    (project / "shop").mkdir()
    (project / "shop" / "__init__.py").write_text("")
    (project / "shop" / "models.py").write_text(DJANGO_MODELS)

    before = tables(project / "app.db")
    made = manage(project, "makemigrations shop", "migrate", "makemigrations --check --dry-run", "flush --no-input")
    assert "Create model Order" in made
    assert "No changes detected" in made
    assert tables(project / "app.db") == before | {"shop_order", "django_migrations"}
    everything = manage(project, "inspectdb", "migrate shop zero")
    assert rows(project / "app.db", "SELECT status FROM knocker_events") == [("handled",)]
    assert "class KnockerEvents" in everything
    models = manage(project, "migrate", "inspectdb shop_order").partition("import models")[2]
    assert "class ShopOrder" in models
    assert "Knocker" not in models
    db: Any = connect(project / "app.db")
    assert send_again(db).duplicate, "the inbox works on as before"
    db.close()


def send_again(db: Any) -> knocker.Result:
    inbox = knocker.attach(db)
    shop(inbox)
    return send(inbox)
