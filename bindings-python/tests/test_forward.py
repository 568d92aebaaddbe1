"""The forwarder against real servers: nothing durable is lost, nothing comes twice, nothing secret is shown."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import veribus
from conftest import eventually
from servers import Collector, Server, free_port, need, plain_environment
from veribus import codec, trace

HEADER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with Collector(tmp_path / "collector") as running:
        yield running


def forwarder(collector: Collector, spool: Path | None, **settings) -> veribus.Forwarder:
    return veribus.Forwarder(collector.url, spool=spool, token_file=collector.token_file, **settings)


def send(bus: veribus.VerificationEventBus, mark: str, count: int) -> None:
    for number in range(count):
        assert bus.publish(veribus.Security("e", target=f"{mark}-{number}"))


def expected(*marks: str, count: int) -> dict[str, int]:
    return {f"{mark}-{number}": 1 for mark in marks for number in range(count)}


def run(folder: Path, body: str, *arguments: str, status: int = 0) -> None:
    """Runs a program in a process of its own; `FOLDER`, `URL` and `TOKEN` are its arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "case.py"
    prelude = """
        import os, signal, sys, threading, time
        import veribus
        FOLDER, URL, TOKEN = sys.argv[1:4]
        def make(**settings):
            bus = veribus.VerificationEventBus(20000, service="case")
            bus.register_handler(veribus.Forwarder(URL, spool=FOLDER + "/spool", token_file=TOKEN, **settings))
            return bus
        def send(bus, count, mark):
            for number in range(count):
                assert bus.publish(veribus.Security("e", target=f"{mark}-{number}"))
    """
    script.write_text(textwrap.dedent(prelude) + textwrap.dedent(body))
    command = [sys.executable, "-X", "faulthandler", str(script), str(folder), *arguments]
    began = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=40, cwd=folder, env=plain_environment(), check=False
    )
    assert done.returncode == status, done.stderr
    assert time.monotonic() - began < 15


def test_events_are_in_the_collectors_store_with_their_service_and_trace(collector, tmp_path):
    handler = forwarder(collector, tmp_path / "spool")
    assert handler.health().confirms is None
    with veribus.VerificationEventBus(service="orders", environment="test") as bus:
        bus.register_handler(handler)
        with trace.use(HEADER, source_ip="203.0.113.9"), bus.verify("login", actor="alice") as check:
            check.fail("bad_password")
        send(bus, "a", 500)
        assert bus.publish_confirmed(veribus.Security("last", target="confirmed"), timeout=10)
        eventually(lambda: handler.health().stored == 502)
        health = handler.health()
        assert (health.confirms, health.taken, health.duplicates, health.lost) == ("stored", 502, 0, {})
        assert (health.spool.pending, health.spool.state, health.last_error) == (0, "normal", None)
        assert health.destination == handler.destination == collector.url
        report = bus.close(10)
    assert (report.spooled, report.unfinished, report.dropped) == (0, [], {})
    assert collector.targets("action:e") == expected("a", count=500)
    (login,) = collector.events("action:login")
    assert HEADER[3:35] in login["trace"]
    assert (login["outcome"], login["actor"]) == ("failure", {"name": "alice", "ip": "203.0.113.9"})
    source = login["source"]
    assert (source["service"], source["environment"], source["sdk"]) == ("orders", "test", "veribus-python")
    assert "502 stored" in repr(handler)


def test_what_is_confirmed_while_the_collector_is_down_waits_on_disk_and_comes_once(collector, tmp_path):
    collector.kill()
    with veribus.VerificationEventBus(service="orders") as bus:
        bus.register_handler(forwarder(collector, tmp_path / "spool", close_within=0.1))
        send(bus, "down", 100)
        assert bus.publish_confirmed(veribus.Security("e", target="confirmed"), timeout=10)
        report = bus.close(5)
    assert report.spooled == 101
    assert report.dropped == {}
    collector.start()
    with veribus.VerificationEventBus(service="orders") as bus:
        handler = forwarder(collector, tmp_path / "spool")
        bus.register_handler(handler)
        send(bus, "up", 10)
        eventually(lambda: len(collector.events("action:e")) == 111)
        eventually(lambda: handler.health().adopted == 0)
        assert bus.close(10).spooled == 0
    everything = {**expected("down", count=100), **expected("up", count=10), "confirmed": 1}
    assert collector.targets("action:e") == everything


ENDINGS = {
    "os._exit": ("os._exit(4)", 4),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(20)", -signal.SIGTERM),
    "sys.exit": ("sys.exit(7)", 7),
    "an exception": ("raise ValueError('the end')", 1),
    "sys.exit in a thread": (
        "thread = threading.Thread(target=sys.exit, args=(5,)); thread.start(); thread.join()",
        0,
    ),
    "daemon threads publish": (
        """
def publish():
    while True: bus.publish(veribus.Performance("noise"))
for _ in range(2): threading.Thread(target=publish, daemon=True).start()
time.sleep(0.05)
""",
        0,
    ),
    "a handler hangs": (
        "bus.register_handler(lambda events: time.sleep(1000)); bus.publish(veribus.Configuration('slow'))",
        0,
    ),
    "torn down by a late destructor": (
        """
import builtins
class Late:
    def __del__(self, publish=bus.publish, event=veribus.Performance("late")): publish(event)
builtins.late = Late()
""",
        0,
    ),
}


@pytest.mark.parametrize("is_up", [True, False], ids=["collector up", "collector down"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_fm_23_durable_events_survive_every_end_of_the_process(collector, tmp_path, ending, is_up):
    last, status = ENDINGS[ending]
    if not is_up:
        collector.kill()
    body = "bus = make()\nsend(bus, 50, 'kept')\n"
    body += "bus.publish_confirmed(veribus.Security('e', target='confirmed'), timeout=10)\n" + last
    run(tmp_path / "run", body, collector.url, str(collector.token_file), status=status)
    if not is_up:
        collector.start()
    # What the process left on disk is sent by the next one that uses the spool.
    next_one = "bus = make()\nbus.publish(veribus.Security('e', target='next'))\nbus.flush(10)\ntime.sleep(0.3)"
    run(tmp_path / "run", next_one, collector.url, str(collector.token_file))
    wanted = {**expected("kept", count=50), "confirmed": 1, "next": 1}
    eventually(lambda: len(collector.events("action:e")) >= len(wanted))
    assert collector.targets("action:e") == wanted


FORKS = {
    "prefork": """
        bus = make()
        send(bus, 50, "parent")
        children = []
        for worker in range(4):
            pid = os.fork()
            if pid == 0:
                send(bus, 50, f"child{worker}")
                assert bus.publish_confirmed(veribus.Security("e", target=f"sure{worker}-0"), timeout=10)
                os._exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        bus.close(10)
    """,
    "under load": """
        bus, stop = make(), threading.Event()
        def load():
            while not stop.is_set():
                bus.publish(veribus.Performance("noise", target="noise"))
                time.sleep(0.0001)
        thread = threading.Thread(target=load)
        thread.start()
        for worker in range(4):
            pid = os.fork()
            if pid == 0:
                send(bus, 50, f"child{worker}")
                assert bus.publish_confirmed(veribus.Security("e", target=f"sure{worker}-0"), timeout=10)
                bus.close(10)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        stop.set()
        thread.join()
        send(bus, 50, "parent")
        bus.close(10)
    """,
    "multiprocessing": """
        import multiprocessing
        bus = make()
        def work(worker):
            send(bus, 50, f"child{worker}")
            assert bus.publish_confirmed(veribus.Security("e", target=f"sure{worker}-0"), timeout=10)
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=work, args=(n,)) for n in range(4)]
        for child in children: child.start()
        for child in children: child.join()
        assert [child.exitcode for child in children] == [0] * 4
        send(bus, 50, "parent")
        bus.close(10)
    """,
}


@pytest.mark.parametrize("case", FORKS)
def test_fm_22_a_child_has_a_spool_of_its_own_and_nothing_comes_twice(collector, tmp_path, case):
    run(tmp_path / "run", FORKS[case], collector.url, str(collector.token_file))
    # A child that left by `os._exit` may have left events on disk: the next process sends them.
    run(tmp_path / "run", "bus = make()\ntime.sleep(0.5)", collector.url, str(collector.token_file))
    wanted = expected("parent", "child0", "child1", "child2", "child3", count=50)
    wanted.update(expected("sure0", "sure1", "sure2", "sure3", count=1))
    eventually(lambda: len(collector.events("action:e")) >= len(wanted))
    assert collector.targets("action:e") == wanted
    instances = {event["id"][:16] for event in collector.events("action:e")}
    assert len(instances) == 5


def test_fm_22_a_childs_health_is_its_own(collector, tmp_path):
    body = """
        handler = veribus.Forwarder(URL, spool=FOLDER + "/spool", token_file=TOKEN)
        bus = veribus.VerificationEventBus()
        bus.register_handler(handler)
        send(bus, 7, "parent")
        bus.flush(10)
        assert handler.health().taken == 7
        pid = os.fork()
        if pid == 0:
            assert handler.health().taken == 0
            send(bus, 3, "child")
            bus.flush(10)
            assert handler.health().taken == 3, handler.health()
            bus.close(10)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert handler.health().taken == 7
    """
    run(tmp_path / "run", body, collector.url, str(collector.token_file))


def test_a_refused_token_loses_nothing_and_is_said(collector, tmp_path):
    handler = veribus.Forwarder(collector.url, spool=tmp_path / "spool", token="vbt_wrong", close_within=0.1)
    with veribus.VerificationEventBus() as bus:
        bus.register_handler(handler)
        assert bus.publish_confirmed(veribus.Security("e", target="kept"), timeout=10)
        eventually(lambda: handler.health().failures > 0)
        assert "vbt_wrong" not in repr(handler) + str(handler.health())
        assert handler.health().last_error
        assert bus.close(5).spooled == 1
    with veribus.VerificationEventBus() as bus:
        bus.register_handler(forwarder(collector, tmp_path / "spool"))
        eventually(lambda: collector.targets("action:e") == {"kept": 1})


def test_a_destination_that_hangs_holds_up_nobody(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        bus = veribus.VerificationEventBus()
        bus.register_handler(veribus.Forwarder(url, spool=tmp_path / "spool"))
        send(bus, "a", 10)
        began = time.monotonic()
        assert bus.publish_confirmed(veribus.Security("e"), timeout=10)
        report = bus.close(2)
        assert time.monotonic() - began < 4
        assert report.spooled == 11


def test_without_a_spool_nothing_is_durable_and_what_memory_cannot_hold_is_counted(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    handler = veribus.Forwarder(url, memory_bytes_max=2000, close_within=0)
    with veribus.VerificationEventBus(20_000) as bus:
        bus.register_handler(handler)
        with pytest.raises(veribus.NoDurableHandlerError):
            bus.publish_confirmed(veribus.Security("e"))
        send(bus, "a", 2000)
        assert bus.flush(10) is not None
        health = handler.health()
        assert health.taken == 2000
        assert health.lost["queue_full"] > 0


def test_a_full_spool_refuses_who_waits_and_counts_the_others(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    handler = veribus.Forwarder(
        url, spool=tmp_path / "spool", spool_bytes_max=64_000, reserve_bytes=4096, segment_bytes=16_384, close_within=0
    )
    with veribus.VerificationEventBus(100_000) as bus:
        bus.register_handler(handler)
        for _ in range(100):  # one by one: a batch that does not fit whole is refused whole, and leaves room for a smaller one
            bus.publish(veribus.Security("e", reason="x" * 2000))
            bus.flush(10)
        assert handler.health().lost["spool_full"] > 50
        with pytest.raises(veribus.NotDurableError):
            bus.publish_confirmed(veribus.Security("e", reason="x" * 2000), timeout=10)
        assert handler.health().spool.bytes <= 64_000


def test_a_handler_of_ours_takes_a_name_and_an_interest(collector, tmp_path):
    with veribus.VerificationEventBus() as bus:
        bus.register_handler(forwarder(collector, tmp_path / "one"), name="severe", at_least="high")
        bus.register_handler(forwarder(collector, tmp_path / "two"), kinds=["configuration"])
        for severity in ("low", "high"):
            bus.publish(veribus.Security("e", severity=severity, target=severity))
        assert bus.flush(10)
        by_name = {handler.name: handler for handler in bus.health().handlers}
        assert (by_name["severe"].handled, by_name["severe"].filtered) == (1, 1)
        assert (by_name["forward"].handled, by_name["forward"].filtered) == (0, 2)
        eventually(lambda: collector.targets("action:e") == {"high": 1})


@pytest.mark.parametrize("kind", ["nats", "redis"])
def test_through_a_real_broker(tmp_path, kind):
    with Server(kind, tmp_path / kind) as server:
        handler = veribus.Forwarder(server.url, spool=tmp_path / "spool", close_within=0.1)
        with veribus.VerificationEventBus(service="orders") as bus:
            bus.register_handler(handler)
            send(bus, "a", 100)
            assert bus.publish_confirmed(veribus.Security("e", target="confirmed"), timeout=10)
            eventually(lambda: handler.health().in_flight > 0)
            assert handler.health().confirms == "stored"
            eventually(lambda: server.parcels() > 0)
            # No collector reads from the broker, so nothing is receipted: the broker's word frees nothing.
            report = bus.close(5)
            assert handler.health().spool.pending == 101, (report, handler.health())


@pytest.mark.parametrize("kind", ["nats", "redis"])
def test_a_collector_behind_a_real_broker_frees_the_spool(tmp_path, kind):
    with Server(kind, tmp_path / kind) as server:
        collector = Collector(tmp_path / "collector", f"--{kind}", server.url)
        options = subprocess.run([collector.binary, "collector", "--help"], capture_output=True, text=True, check=True)
        if f"--{kind}" not in options.stdout:
            pytest.skip(f"skip: this `veribus collector` has no `--{kind}`")
        with collector, veribus.VerificationEventBus(service="orders") as bus:
            handler = veribus.Forwarder(server.url, spool=tmp_path / "spool")
            bus.register_handler(handler)
            send(bus, "a", 100)
            eventually(lambda: handler.health().stored == 100, 30)
            assert bus.close(10).spooled == 0
            assert collector.targets("action:e") == expected("a", count=100)


def test_an_address_that_cannot_be_used_is_answered_with_one_that_can(tmp_path):
    def refused(url, **options):
        with pytest.raises(veribus.ConfigError) as raised:
            veribus.Forwarder(url, **options)
        assert raised.value.code == "CFG_ADDRESS"
        assert "hunter2" not in str(raised.value)
        return str(raised.value)

    assert "https://192.0.2.1:7480" in refused("http://192.0.2.1:7480")
    assert "did you mean `ca_file`" in refused("https://c.example", cafile="x")
    assert "no such way" in refused("kafka://localhost")
    assert "cannot read" in refused("https://c.example", ca_file=tmp_path / "missing.pem")
    assert "cannot read" in refused("https://c.example", token_file=tmp_path / "missing")
    (tmp_path / "open").write_text("hunter2")
    (tmp_path / "open").chmod(0o644)
    assert "chmod 600" in refused("https://c.example", token_file=tmp_path / "open")
    assert "this machine" in refused("redis://user:hunter2@192.0.2.1")
    assert "from 100ms" in refused("nats://localhost", answer_timeout=0.001)
    with pytest.raises(veribus.ConfigError):
        veribus.Forwarder("http://localhost", linger=-1)
    with pytest.raises(veribus.EventError):
        veribus.Forwarder("http://localhost", expiring=["nonsense"])
    assert "hunter2" not in repr(veribus.Forwarder("nats://user:hunter2@localhost"))
    one = veribus.Forwarder("http://localhost", expiring=["performance"], token=None)
    with veribus.VerificationEventBus() as bus:
        bus.register_handler(one)
        with pytest.raises(veribus.HandlerError) as raised:
            bus.register_handler(one)
        assert raised.value.code == "HND_ALREADY_REGISTERED"


def test_a_spool_that_cannot_be_made_is_said_when_it_is_registered(tmp_path):
    (tmp_path / "file").write_text("no directory")
    with veribus.VerificationEventBus() as bus:
        with pytest.raises(veribus.ForwardError) as raised:
            bus.register_handler(veribus.Forwarder("http://localhost", spool=tmp_path / "file" / "spool"))
        assert isinstance(raised.value, OSError)
        assert raised.value.code == "FWD_IO"
        with pytest.raises(veribus.ForwardError) as raised:
            bus.register_handler(veribus.Forwarder("http://localhost", spool=tmp_path, spool_bytes_max=2**60))
        assert raised.value.code == "FWD_CEILING"


class Https(BaseHTTPRequestHandler):
    """Answers as a collector does, over TLS; the collector itself listens on this machine alone."""

    stored: list[veribus.VerificationEvent] = []
    tokens: list[str | None] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        events = codec.decode(body, "msgpack").events if body else []
        self.stored.extend(events)
        self.tokens.append(self.headers["authorization"])
        verdict = {"accepted": len(events), "duplicates": 0, "rejected": [], "parcel": self.headers["veribus-parcel"]}
        answer = json.dumps(verdict).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def certificates(folder: Path) -> tuple[Path, Path]:
    import shutil

    openssl = need(shutil.which("openssl"), "openssl")
    key, certificate = folder / "key.pem", folder / "ca.pem"
    command = [
        openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
        "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return key, certificate


def test_tls_with_a_private_authority_and_a_token_from_a_file(tmp_path):
    key, certificate = certificates(tmp_path)
    (tmp_path / "token").write_text("vbt_secret\n")
    (tmp_path / "token").chmod(0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), Https)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}"
    try:
        untrusted = veribus.Forwarder(url, spool=tmp_path / "one", close_within=0.1)
        with veribus.VerificationEventBus() as bus:
            bus.register_handler(untrusted)
            bus.publish(veribus.Security("e"))
            eventually(lambda: untrusted.health().failures > 0)
            assert bus.close(5).spooled == 1
        assert Https.stored == []
        trusted = veribus.Forwarder(
            url, spool=tmp_path / "two", ca_file=certificate, token_file=tmp_path / "token", compress_from=None
        )
        with veribus.VerificationEventBus() as bus:
            bus.register_handler(trusted)
            send(bus, "tls", 20)
            eventually(lambda: trusted.health().stored == 20)
            assert bus.close(5).spooled == 0
        assert [event.target for event in Https.stored] == [f"tls-{n}" for n in range(20)]
        assert set(Https.tokens) == {"Bearer vbt_secret"}
    finally:
        server.shutdown()
        server.server_close()
