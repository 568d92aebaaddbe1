"""The wheel: one for every Python from 3.10 on, of a reasonable size, with what belongs in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from servers import plain_environment

PROGRAM = """
import veribus
seen = []
with veribus.VerificationEventBus(service="wheel") as bus:
    bus.register_handler(seen.extend)
    bus.register_handler(veribus.MetricsCollector())
    with bus.verify("login", actor="alice") as check:
        check.fail("bad_password")
    bus.record("orders.read", kind="authorization", outcome="success", attributes={"a": [1, {"b": "c"}]})
    assert bus.publish(veribus.Security("scan", source_ip="2001:db8::1"))
    assert bus.flush(5)
assert [event.action for event in seen] == ["login", "orders.read", "scan"], seen
try:
    veribus.Security("scan", severity="hgih")
except veribus.EventError as error:
    assert error.code == "EVT_SEVERITY_INVALID"
"""


@pytest.fixture
def wheel() -> Path:
    if "VERIBUS_WHEEL" not in os.environ:
        pytest.skip("skip: VERIBUS_WHEEL names no wheel")
    return Path(os.environ["VERIBUS_WHEEL"])


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_one_wheel_serves_every_python(wheel, tmp_path, version):
    pyenv = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    python = str(pyenv[-1]) if pyenv else shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"skip: Python {version} is not on this machine")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    environment = {**plain_environment(), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [python, "-X", "dev", "-c", PROGRAM], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_wheel_holds_the_types_and_nothing_of_the_tests(wheel):
    assert "-cp310-abi3-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("METADATA"))
    assert {"veribus/py.typed", "veribus/_veribus.pyi", "veribus/_veribus.abi3.so"} <= set(names)
    assert not [name for name in names if "test" in name or "bench" in name]
    assert "Requires-Python: >=3.10" in metadata
    assert not [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
