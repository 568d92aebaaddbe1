"""A real prefork server: gunicorn loads the application, forks four workers, and is told to stop (FM-22)."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import eventually
from servers import Collector, free_port, plain_environment

APP = """
    import veribus
    from veribus.integrations.wsgi import VeribusMiddleware

    bus = veribus.init(service="prefork")
    bus.record("loaded", target="parent")

    def answer(environ, start_response):
        with bus.verify("check") as check:
            check.set(target=environ["PATH_INFO"])
        start_response("200 OK", [("content-type", "text/plain")])
        return [b"ok"]

    app = VeribusMiddleware(answer)
"""
CONFIGURATION = """
    from pathlib import Path

    def post_worker_init(worker):
        Path(f"booted-{worker.pid}").touch()
"""
WORKERS = 4


@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_fm_22_every_request_to_a_prefork_server_is_one_event(tmp_path, worker):
    pytest.importorskip("gunicorn", reason="skip: gunicorn is not installed")
    if worker == "gevent":
        pytest.importorskip("gevent", reason="skip: gevent is not installed")
    (tmp_path / "app.py").write_text(textwrap.dedent(APP))
    (tmp_path / "gunicorn.conf.py").write_text(textwrap.dedent(CONFIGURATION))
    port = free_port()
    with Collector(tmp_path / "collector") as collector:
        environment = {
            **plain_environment(), "VERIBUS_COLLECTOR": collector.url, "VERIBUS_SPOOL": str(tmp_path / "spool"),
            "VERIBUS_TOKEN_FILE": str(collector.token_file),
        }  # fmt: skip
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS), "--worker-class", worker]
        command += ["--bind", f"127.0.0.1:{port}", "--log-level", "error", "app:app"]
        server = subprocess.Popen(command, cwd=tmp_path, env=environment)
        try:
            eventually(lambda: asked(port, "/up"), 30)
            # gunicorn loses a signal that comes while a worker boots, and then waits for that worker in vain.
            eventually(lambda: len(list(tmp_path.glob("booted-*"))) == WORKERS, 30)
            with ThreadPoolExecutor(8) as pool:
                assert all(pool.map(lambda number: asked(port, f"/{number}"), range(200)))
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
        checks = collector.targets("action:check")
        checks.pop("/up")
        assert checks == {f"/{number}": 1 for number in range(200)}
        assert collector.targets("action:loaded") == {"parent": 1}
        instances = {event["id"][:16] for event in collector.events("action:check")}
        assert 1 < len(instances) <= WORKERS


def asked(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False
