"""Each integration against the real framework."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import textwrap

import pytest
import veribus
from conftest import REPOSITORY
from veribus import trace

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE_ID = HEADER[3:35]


def taken(bus, captured):
    assert bus.flush(5)
    return captured.events


def test_fastapi_knows_peer_trace_and_refusals_in_sync_and_async_endpoints(bus, captured):
    fastapi = pytest.importorskip("fastapi", reason="skip: fastapi is not installed")
    from fastapi.testclient import TestClient
    from veribus.integrations.fastapi import VeribusMiddleware

    app = fastapi.FastAPI()
    app.add_middleware(VeribusMiddleware, bus=bus)

    def user():
        trace.context().actor = "alice"  # a dependency in the thread pool

    @app.get("/sync")
    def sync_login(_: None = fastapi.Depends(user)):
        with bus.verify("password") as v:
            v.fail("bad_password")
        raise fastapi.HTTPException(401)

    @app.get("/async")
    async def async_login(_: None = fastapi.Depends(user)):
        with bus.verify("password"):
            await asyncio.sleep(0)
        raise fastapi.HTTPException(403)

    client = TestClient(app, client=("203.0.113.9", 4711))
    assert client.get("/sync", headers={"traceparent": HEADER}).status_code == 401
    assert client.get("/async", headers={"traceparent": HEADER}).status_code == 403
    events = taken(bus, captured)
    assert [(type(e).__name__, e.action, e.outcome) for e in events] == [
        ("Authentication", "password", "failure"),
        ("Authentication", "http.request", "failure"),
        ("Authentication", "password", "success"),
        ("Authorization", "http.request", "failure"),
    ]
    assert {e.trace.trace_id for e in events} == {TRACE_ID}
    assert {e.source_ip for e in events} == {"203.0.113.9"}
    assert [e.actor for e in events] == ["alice"] * 4
    assert [e.target for e in events] == [None, "/sync", None, "/async"]
    assert trace.current() is None


def test_flask_with_flask_login(bus, captured):
    flask = pytest.importorskip("flask", reason="skip: flask is not installed")
    flask_login = pytest.importorskip("flask_login", reason="skip: flask-login is not installed")
    from veribus.integrations.flask import init_app

    app = flask.Flask(__name__)
    app.secret_key = "tests"
    flask_login.LoginManager(app).user_loader(lambda name: None)
    init_app(app, bus)
    init_app(app, bus)

    class User(flask_login.UserMixin):
        id = "alice"

    @app.get("/login")
    def login():
        flask_login.login_user(User())
        return "in"

    @app.get("/secret")
    @flask_login.login_required
    def secret():
        return "never"

    client = app.test_client()
    peer = {"REMOTE_ADDR": "203.0.113.9"}
    assert client.get("/login", headers={"traceparent": HEADER}, environ_base=peer).text == "in"
    client.delete_cookie("session")
    assert client.get("/secret", environ_base=peer).status_code == 401
    events = taken(bus, captured)
    assert [(e.action, e.outcome, e.actor) for e in events] == [
        ("login", "success", "alice"),
        ("session", "failure", None),
        ("http.request", "failure", None),
    ]
    assert events[0].trace.trace_id == TRACE_ID
    assert events[1].trace == events[2].trace
    assert events[2].source_ip == "203.0.113.9"
    assert trace.current() is None


def test_django_logins_and_refusals(tmp_path):
    pytest.importorskip("django", reason="skip: django is not installed")
    program = f"""
        import asyncio
        import django
        from django.conf import settings
        settings.configure(
            SECRET_KEY="tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True,
            INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                            "veribus.integrations.django"],
            MIDDLEWARE=["veribus.integrations.django.Middleware",
                        "django.contrib.sessions.middleware.SessionMiddleware",
                        "django.contrib.auth.middleware.AuthenticationMiddleware"],
            DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "file::memory:?cache=shared"}}}},
            VERIBUS={{"service": "shop", "audit": False}},
        )
        django.setup()
        from django.contrib.auth import authenticate, login
        from django.contrib.auth.models import User
        from django.core.exceptions import PermissionDenied
        from django.core.management import call_command
        from django.http import HttpResponse
        from django.test import AsyncClient, Client
        from django.urls import path
        import veribus
        call_command("migrate", verbosity=0)
        User.objects.create_user("alice", password="right")
        def enter(request):
            user = authenticate(request, username="alice", password=request.GET["p"])
            if user is None: return HttpResponse(status=401)
            login(request, user)
            return HttpResponse("in")
        def denied(request): raise PermissionDenied
        async def later(request): return HttpResponse(status=429)
        urlpatterns = [path("enter", enter), path("denied", denied), path("later", later)]
        seen = []
        bus = veribus.get_bus()
        assert bus.service == "shop"
        bus.register_handler(seen.extend)
        client = Client(REMOTE_ADDR="203.0.113.9", headers={{"traceparent": "{HEADER}"}})
        assert client.get("/enter?p=wrong").status_code == 401
        assert client.get("/enter?p=right").status_code == 200
        assert client.get("/denied").status_code == 403
        assert asyncio.run(AsyncClient().get("/later")).status_code == 429
        client.logout()
        assert bus.flush(5)
        found = [(e.action, e.outcome, e.actor) for e in seen]
        assert found == [
            ("login", "failure", "alice"), ("http.request", "failure", None), ("login", "success", "alice"),
            ("http.request", "failure", None), ("http.rate_limited", "failure", None), ("logout", "success", "alice"),
        ], found
        assert all(e.trace.trace_id == "{TRACE_ID}" for e in seen[:4]), seen
        assert all(e.source_ip == "203.0.113.9" for e in seen[:4]), seen
        assert "wrong" not in repr(seen)
    """
    (tmp_path / "case.py").write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, "case.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_celery_tasks_keep_the_trace_of_their_sender(bus, captured):
    celery = pytest.importorskip("celery", reason="skip: celery is not installed")
    from celery.contrib.testing.worker import start_worker
    from veribus.integrations.celery import connect

    app = celery.Celery("tests", broker="memory://", backend="cache+memory://")
    app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
    connect(app, bus)
    connect(app, bus)

    @app.task(name="good")
    def good():
        with bus.verify("in_task"):
            return trace.current().trace_id

    @app.task(name="bad")
    def bad():
        raise LookupError("nothing there")

    with start_worker(app, perform_ping_check=False, pool="solo"), trace.use(HEADER):
        assert good.delay().get(timeout=20) == TRACE_ID
        assert app.send_task("good").get(timeout=20) == TRACE_ID
        with pytest.raises(LookupError):
            bad.delay().get(timeout=20)
    events = taken(bus, captured)
    assert [(e.action, e.outcome, e.reason) for e in events] == [
        ("in_task", "success", None),
        ("in_task", "success", None),
        ("celery.task", "failure", "LookupError"),
    ]
    assert {e.trace.trace_id for e in events} == {TRACE_ID}


def test_logging_goes_both_ways_at_once(bus, captured, caplog):
    from veribus.integrations.logging import Handler

    handler = Handler(logging.WARNING, bus)
    log = logging.getLogger("tests.security")
    log.setLevel(logging.INFO)  # another test may have raised that of the root
    log.addHandler(handler)
    try:
        log.info("not severe enough")
        with trace.use(HEADER):
            extra = {"actor": "alice", "outcome": "failure", "action": "access", "n": 1, "log.message": "own"}
            log.warning("denied %s", "alice", extra=extra)
        try:
            raise KeyError("k")
        except KeyError:
            log.exception("half a character: \ud800")
        log.error("no event can hold this", extra={"thing": object()})
    finally:
        log.removeHandler(handler)
    assert handler.refused == 1
    first, second = taken(bus, captured)
    assert (first.action, first.actor, first.outcome, first.severity) == ("access", "alice", "failure", "medium")
    assert first.attributes == {"log.logger": "tests.security", "log.message": "denied alice", "n": 1}
    assert first.trace.trace_id == TRACE_ID
    assert (second.severity, second.attributes["exception.type"]) == ("high", "KeyError")
    assert handler.refused == 1
    assert len(caplog.records) >= 3


def test_structlog_entries_pass_on_as_they_came(bus, captured):
    structlog = pytest.importorskip("structlog", reason="skip: structlog is not installed")
    from veribus.integrations.structlog import Publish

    publish = Publish(bus=bus)
    kept = structlog.testing.LogCapture()
    log = structlog.wrap_logger(None, processors=[publish, kept])
    log.info("fine")
    log.warning("denied", actor="alice", source_ip="203.0.113.9", region="t")
    log.error("no", thing=object())
    assert [entry["event"] for entry in kept.entries] == ["fine", "denied", "no"]
    assert publish.refused == 1
    (event,) = taken(bus, captured)
    assert (event.actor, event.severity, event.attributes["region"]) == ("alice", "medium", "t")


def test_the_import_of_one_framework_brings_no_other():
    program = "import veribus.integrations.asgi, veribus.integrations.wsgi, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert not {"starlette", "fastapi", "flask", "django", "celery", "structlog"} & set(done.stdout.split())


def test_a_request_of_nonsense_is_still_served(bus):
    from veribus.integrations.wsgi import VeribusMiddleware

    def app(environ, start_response):
        start_response("403 Forbidden", [])
        return [b"no"]

    answers = []
    environ = {"REMOTE_ADDR": "not an address", "PATH_INFO": "/\ud800" + "x" * 9999, "HTTP_TRACEPARENT": "\0"}
    body = VeribusMiddleware(app, bus)(environ, lambda status, headers: answers.append(status))
    assert b"".join(body) == b"no"
    body.close()
    assert answers == ["403 Forbidden"]
    assert bus.health().accepted == 1
    assert isinstance(veribus.trace.current(), type(None))
