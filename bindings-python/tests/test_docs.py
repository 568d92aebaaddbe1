"""The pages for Python run: the blocks of one page, in their order, are one program.

A block ``<!-- python ... -->`` belongs to the program and is not shown: what the reader has already, or what must hold.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest
from conftest import REPOSITORY
from servers import plain_environment

BLOCK = re.compile(r"^(?:```python|<!-- python)\n(.*?)^(?:```|-->)$", re.DOTALL | re.MULTILINE)
PAGES = [*sorted((REPOSITORY / "docs").glob("python*.md")), REPOSITORY / "bindings-python" / "README.md"]
PACKAGES = {
    "python-celery": ["celery"],
    "python-django": ["django"],
    "python-fastapi": ["fastapi", "httpx"],
    "python-flask": ["flask", "flask_login"],
    "python-migration": ["structlog", "opentelemetry"],
}


def program(page: str) -> str:
    """The page's program; each line stands where it stands in the page, so that a traceback names it."""
    out: list[str] = []
    for found in BLOCK.finditer(page):
        before = page.count("\n", 0, found.start(1))
        out.extend([""] * (before - len(out)))
        out.extend(found.group(1).splitlines())
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page, tmp_path):
    for package in PACKAGES.get(page.stem, []):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"skip: `{package}` is not installed")
    text = program(page.read_text("utf-8"))
    if page.stem not in ("python-speed", "python-tests"):
        assert text.strip(), "the page has no example"
    script = tmp_path / f"{page.stem.replace('-', '_')}.py"
    script.write_text(text, "utf-8")
    command = [sys.executable, str(script)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=plain_environment(), check=False
    )
    assert done.returncode == 0, done.stderr


FAULTS = ["FM-17", "FM-18", "FM-22", "FM-23", *(f"BAD-{number:02}" for number in range(1, 19))]


def test_every_fault_has_a_test_and_the_page_names_it():
    page = (REPOSITORY / "docs" / "python-tests.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ((?:FM|BAD)-\d+) \|[^|]*\|([^|]*)\|", page, re.MULTILINE))
    assert sorted(rows) == sorted(FAULTS)
    files = {path.name: path.read_text("utf-8") for path in (REPOSITORY / "bindings-python" / "tests").glob("test_*.py")}
    for fault, shown in rows.items():
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", shown)
        assert named, f"{fault} has no test"
        for file, test in named:
            assert f"def {test}(" in files[file], f"{fault}: {file} has no {test}"
            number = fault.split("-")[1]
            assert number in test.split("_"), f"{fault}: {test} is not named for it"


def test_every_integration_has_a_page():
    integrations = REPOSITORY / "bindings-python" / "python" / "veribus" / "integrations"
    names = {path.stem for path in integrations.iterdir() if not path.stem.startswith("_")}
    pages = "".join(page.read_text("utf-8") for page in PAGES)
    assert {name for name in names if f"veribus.integrations.{name}" not in pages} == set()
