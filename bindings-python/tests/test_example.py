"""examples/fastapi_login as a new user runs it: an empty virtual environment, a collector, a browser's requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from pathlib import Path

import pytest
from conftest import REPOSITORY, eventually
from servers import Collector, free_port, plain_environment

EXAMPLE = REPOSITORY / "examples" / "fastapi_login"
WHEEL = os.environ.get("VERIBUS_WHEEL")
"""The wheel under test; `cargo xtask python` builds it and names it."""


def ask(port: int, path: str, body: object = None, method: str = "POST", **headers: str) -> tuple[int, dict]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **headers}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


def environment_of_a_new_user(folder: Path) -> Path:
    if WHEEL is None:
        pytest.skip("skip: VERIBUS_WHEEL names no wheel")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", EXAMPLE / "requirements.txt", WHEEL], check=True, env=plain_environment())
    return python


@pytest.mark.timeout(300)
def test_every_check_of_the_service_is_in_the_collector(tmp_path):
    python = environment_of_a_new_user(tmp_path / "venv")
    with Collector(tmp_path / "collector") as collector:
        port = free_port()
        settings = {"VERIBUS_COLLECTOR": collector.url, "VERIBUS_TOKEN_FILE": str(collector.token_file)}
        settings["VERIBUS_SPOOL"] = str(tmp_path / "spool")
        command = [str(python), "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "warning"]
        service = subprocess.Popen(command, cwd=EXAMPLE, env={**plain_environment(), **settings, "PYTHONDONTWRITEBYTECODE": "1"})
        try:
            eventually(lambda: is_up(port), 60)
            for _ in range(6):
                assert ask(port, "/login", {"user": "alice", "password": "guess"})[0] == 401
            assert ask(port, "/login", {"user": "mallory", "password": "guess"})[0] == 401
            status, answer = ask(port, "/login", {"user": "bob", "password": "bob-password"})
            assert status == 200
            bearer = f"Bearer {answer['token']}"
            assert ask(port, "/orders/7", method="DELETE", authorization=bearer)[0] == 403
            assert ask(port, "/orders/7", method="DELETE", authorization="Bearer forged.forged.forged")[0] == 401

            # While the collector is away the service answers as before.
            collector.kill()
            status, answer = ask(port, "/login", {"user": "alice", "password": "alice-password"})
            assert status == 200
            assert ask(port, "/orders/7", method="DELETE", authorization=f"Bearer {answer['token']}") == (200, {"deleted": 7})
        finally:
            service.terminate()
            assert service.wait(20) == 0 or service.returncode == -15
        collector.start()
        # What was not sent in time is on disk: the service's next start sends it.
        service = subprocess.Popen(command, cwd=EXAMPLE, env={**plain_environment(), **settings, "PYTHONDONTWRITEBYTECODE": "1"})
        try:
            eventually(lambda: len(collector.events("action:orders.delete")) == 2, 60)
        finally:
            service.terminate()
            service.wait(20)

        logins = collector.events("action:login")
        found = [(event["outcome"], event.get("reason"), event["actor"]["name"]) for event in logins]
        assert found == [
            *[("failure", "bad_password", "alice")] * 6,
            ("failure", "unknown_user", "mallory"),
            ("success", None, "bob"),
            ("success", None, "alice"),
        ]
        assert {event["actor"]["ip"] for event in logins} == {"127.0.0.1"}
        denied, deleted = collector.events("action:orders.delete")
        assert (denied["outcome"], denied["reason"], denied["actor"]["name"]) == ("failure", "no_permission", "bob")
        assert (deleted["outcome"], deleted["actor"]["name"], deleted["target"]["name"]) == ("success", "alice", "orders/7")
        tokens = [(event["outcome"], event.get("reason")) for event in collector.events("action:jwt.signature")]
        assert tokens == [("success", None), ("failure", "DecodeError"), ("success", None)]
        # The token and the permission of one request are one trace.
        assert denied["trace"].split("-")[1] == collector.events("action:jwt.signature")[0]["trace"].split("-")[1]
        command = [collector.binary, "alerts", "list", "--json", "--data", str(collector.data)]
        alerts = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "alice" in alerts or "127.0.0.1" in alerts, "guessing six passwords raised no alert"


def is_up(port: int) -> bool:
    try:
        return ask(port, "/openapi.json", method="GET")[0] == 200
    except OSError:
        return False


def test_the_example_is_typed():
    pytest.importorskip("mypy", reason="skip: mypy is not installed")
    for package in ("fastapi", "jwt"):
        pytest.importorskip(package, reason=f"skip: {package} is not installed")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(EXAMPLE / "app.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
