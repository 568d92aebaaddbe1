"""Type checkers in their strict modes find nothing to say."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from conftest import REPOSITORY

HERE = REPOSITORY / "bindings-python"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_strict_type_checker_is_content(checker):
    pytest.importorskip(checker, reason=f"skip: {checker} is not installed")
    if checker == "pyright" and shutil.which("node") is None:
        pytest.skip("skip: pyright needs node")
    where = ["--pythonpath", sys.executable] if checker == "pyright" else ["--python-executable", sys.executable]
    done = subprocess.run([sys.executable, "-m", checker, *where], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
