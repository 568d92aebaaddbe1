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


STUBTEST_KNOWS = """
veribus\\._veribus\\.__all__
veribus\\._veribus\\.AuditReport
veribus\\._veribus\\.(Bus|VerificationEvent)
"""
"""What the stub says on purpose: a type for checkers alone, and bases that a checker need not know to be native."""


@pytest.mark.timeout(300)
def test_the_stub_says_of_the_native_half_what_is_there(tmp_path):
    pytest.importorskip("mypy", reason="skip: mypy is not installed")
    known = tmp_path / "known"
    known.write_text(STUBTEST_KNOWS)
    command = [sys.executable, "-m", "mypy.stubtest", "veribus._veribus", "--concise", "--allowlist", str(known)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
