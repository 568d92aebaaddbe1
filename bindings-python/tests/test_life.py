"""Fork, exit, gevent, subinterpreters: each case in a process of its own (FM-22, FM-23)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time

import pytest

PRELUDE = """
import os, sys, threading, time, signal
import veribus
from pathlib import Path

class Lines:
    "Appends each event to a file of its process, in one write: what is there was handled."
    name = "lines"
    def handle(self, events):
        with open(f"{FOLDER}/{os.getpid()}.txt", "a") as out:
            out.write("".join(f"{event.target} {event.id}\\n" for event in events))

FOLDER = sys.argv[1]
def make(**settings):
    bus = veribus.VerificationEventBus(20000, **settings)
    bus.register_handler(Lines())
    return bus
def send(bus, count, mark):
    for number in range(count):
        assert bus.publish(veribus.Security("e", target=f"{mark}-{number}"))
"""


def run(tmp_path, body, seconds=20.0):
    """Runs a program; its exit code, what it wrote to standard error, and how long it took."""
    script = tmp_path / "case.py"
    script.write_text(PRELUDE + textwrap.dedent(body))
    began = time.monotonic()
    command = [sys.executable, "-X", "faulthandler", str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, cwd=tmp_path, check=False)
    return done.returncode, done.stderr, time.monotonic() - began


def handled(tmp_path):
    """Target to how often it was handled, over all processes."""
    counts: dict[str, int] = {}
    for path in tmp_path.glob("*.txt"):
        for line in path.read_text().splitlines():
            target = line.split()[0]
            counts[target] = counts.get(target, 0) + 1
    return counts


def once(tmp_path, *marks, count):
    expected = {f"{mark}-{number}": 1 for mark in marks for number in range(count)}
    found = handled(tmp_path)
    assert found == expected, {key: value for key, value in found.items() if expected.get(key) != value}


FORKS = {
    "prefork": """
        bus = make()
        send(bus, 50, "parent")
        children = []
        for worker in range(4):
            pid = os.fork()
            if pid == 0:
                send(bus, 50, f"child{worker}")
                sys.exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        bus.close()
    """,
    "under load": """
        bus = make()
        stop = threading.Event()
        def load():
            while not stop.is_set():
                bus.publish(veribus.Performance("noise", target="noise"))
        class Only(Lines):
            pass
        threads = [threading.Thread(target=load, daemon=True) for _ in range(2)]
        quiet = make()
        for thread in threads: thread.start()
        for worker in range(4):
            pid = os.fork()
            if pid == 0:
                send(quiet, 50, f"child{worker}")
                quiet.close(); bus.close()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        stop.set()
        for thread in threads: thread.join()
        send(quiet, 50, "parent")
    """,
    "nested": """
        bus = make()
        send(bus, 50, "parent")
        pid = os.fork()
        if pid == 0:
            send(bus, 50, "child0")
            inner = os.fork()
            if inner == 0:
                send(bus, 50, "child1")
                sys.exit(0)
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]))
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """,
    "fork then exec": """
        import subprocess
        bus = make()
        send(bus, 25, "parent")
        subprocess.run([sys.executable, "-c", "pass"], check=True, preexec_fn=lambda: None)
        for number in range(25, 50):
            bus.publish(veribus.Security("e", target=f"parent-{number}"))
    """,
    "fork in a handler": """
        bus = make()
        ready = threading.Event()
        def forks(events):
            pid = os.fork()
            if pid == 0:
                send(bus, 50, "child0")
                bus.close()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            ready.set()
        bus.register_handler(forks, kinds=["configuration"])
        bus.publish(veribus.Configuration("go", target="go-0"))
        assert ready.wait(10)
        send(bus, 50, "parent")
    """,
}
MARKS = {
    "prefork": ["parent", "child0", "child1", "child2", "child3"],
    "under load": ["parent", "child0", "child1", "child2", "child3"],
    "nested": ["parent", "child0", "child1"],
    "fork then exec": ["parent"],
    "fork in a handler": ["parent", "child0"],
}


@pytest.mark.parametrize("turn", range(5))
@pytest.mark.parametrize("case", FORKS)
def test_fm_22_every_childs_events_come_once_and_no_parents_twice(tmp_path, case, turn):
    code, error, _ = run(tmp_path, FORKS[case])
    assert code == 0, error
    for path in tmp_path.glob("*.txt"):
        lines = [line for line in path.read_text().splitlines() if not line.startswith(("noise", "go-"))]
        path.write_text("".join(f"{line}\n" for line in lines))
    once(tmp_path, *MARKS[case], count=50)


@pytest.mark.parametrize("turn", range(5))
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_fm_22_children_of_multiprocessing_drain_before_they_leave(tmp_path, method, turn):
    body = f"""
        import multiprocessing
        bus = make()
        def work(mark):
            send(bus, 50, mark)
        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            children = [context.Process(target=work, args=(f"child{{n}}",)) for n in range(3)]
            for child in children: child.start()
            for child in children: child.join()
            assert [child.exitcode for child in children] == [0, 0, 0]
            send(bus, 50, "parent")
    """
    code, error, _ = run(tmp_path, body, seconds=40)
    assert code == 0, error
    once(tmp_path, "parent", "child0", "child1", "child2", count=50)


def test_fm_22_a_child_has_an_audit_trail_of_its_own(tmp_path):
    body = """
        bus = veribus.VerificationEventBus()
        bus.register_handler(veribus.AuditLogger(Path(FOLDER) / "audit.log"))
        bus.publish(veribus.Security("parent"))
        pid = os.fork()
        bus.publish(veribus.Security("child" if pid == 0 else "parent"))
        if pid:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    """
    code, error, _ = run(tmp_path, body)
    assert code == 0, error
    import veribus

    logs = sorted(tmp_path.glob("audit*.log"))
    assert len(logs) == 2
    assert sorted(veribus.audit_verify(log)["events"] for log in logs) == [1, 2]
    assert all(veribus.audit_verify(log)["spotless"] for log in logs)


def test_fm_22_a_child_counts_metrics_and_raises_alerts_of_its_own(tmp_path):
    body = """
        from veribus import AlertHandler, AlertRule, Authentication, MetricsCollector
        def sink(alert):
            with open(f"{FOLDER}/{os.getpid()}.alerts", "a") as out: print(alert.rule, alert.events, file=out)
        bus, metrics = veribus.VerificationEventBus(), MetricsCollector()
        alerts = AlertHandler(AlertRule.failures("guessing", 3, 600), sink=sink)
        for handler in (metrics, alerts): bus.register_handler(handler)
        def guess(times):
            for _ in range(times): bus.publish(Authentication("login", outcome="failure", actor="alice"))
            assert bus.flush(10)
        def count(): return [l.split()[-1] for l in metrics.render().splitlines() if 'outcome="failure"' in l]
        guess(5)
        assert (count(), alerts.counts()["raised"]) == (["5"], 1), (metrics.render(), alerts.counts())
        pid = os.fork()
        if pid == 0:
            assert (count(), alerts.counts()["raised"]) == ([], 0)
            guess(2)
            assert (count(), alerts.counts()["raised"]) == (["2"], 0), (count(), alerts.counts())
            guess(1)
            assert (count(), alerts.counts()["raised"]) == (["3"], 1), (count(), alerts.counts())
            assert not bus.health().dropped and not any(handler.lost for handler in bus.health().handlers)
            bus.close(); os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        guess(1)
        assert (count(), alerts.counts()["raised"], alerts.counts()["delivered"]) == (["6"], 1, 1)
    """
    code, error, _ = run(tmp_path, body)
    assert code == 0, error
    told = sorted(path.read_text() for path in tmp_path.glob("*.alerts"))
    assert told == ["guessing 3\n", "guessing 3\n"]


EXITS = {
    "normal": ("send(make(), 50, 'parent')", 0),
    "sys.exit": ("send(make(), 50, 'parent'); sys.exit(7)", 7),
    "exception": ("send(make(), 50, 'parent'); raise ValueError('the end')", 1),
    "sys.exit in a thread": (
        """
        bus = make()
        thread = threading.Thread(target=lambda: (send(bus, 50, 'parent'), sys.exit(5)))
        thread.start(); thread.join()
        """,
        0,
    ),
    "SIGTERM turned into sys.exit": (
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
        send(make(), 50, 'parent')
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        """,
        9,
    ),
    "closed before, modules torn down": (
        """
        import builtins
        bus = make(); send(bus, 50, 'parent'); bus.close()
        class Late:
            def __del__(self, publish=bus.publish, event=veribus.Security("late")):
                publish(event)
        builtins.late = Late()
        """,
        0,
    ),
    "daemon threads publish and wait": (
        """
        bus = make(); send(bus, 50, 'parent')
        other = veribus.VerificationEventBus(); other.register_handler(lambda events: None)
        def publish():
            while True: other.publish(veribus.Security("noise", attributes={"a": [1, "x"]}))
        def wait():
            while True:
                other.flush(0.001); other.health()
        for target in (publish, publish, wait, wait):
            threading.Thread(target=target, daemon=True).start()
        time.sleep(0.05)
        """,
        0,
    ),
    "a handler is at work": (
        """
        bus = make(); send(bus, 50, 'parent')
        bus.register_handler(lambda events: time.sleep(0.3))
        bus.publish(veribus.Configuration("slow", target="parent-50"))
        """,
        0,
    ),
    "a handler hangs in C": (
        """
        bus = make(); send(bus, 50, 'parent'); bus.flush(5)
        bus.register_handler(lambda events: time.sleep(1000))
        bus.publish(veribus.Configuration("slow", target="parent-50"))
        """,
        0,
    ),
    "a handler hangs in Python": (
        """
        bus = make(); send(bus, 50, 'parent'); bus.flush(5)
        def hangs(events):
            while True: time.sleep(0.0001)
        bus.register_handler(hangs)
        bus.publish(veribus.Configuration("slow", target="parent-50"))
        """,
        0,
    ),
    "a verification is open": (
        """
        bus = make(); send(bus, 50, 'parent')
        open_one = bus.verify("x"); open_one.__enter__()
        """,
        0,
    ),
}


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("case", EXITS)
def test_fm_23_an_interpreter_ends_in_time_with_its_status_and_without_a_signal(tmp_path, case, turn):
    body, status = EXITS[case]
    code, error, took = run(tmp_path, body)
    assert code == status, error
    assert took < 2.0 + 1.0 + 1.5, "close deadline, one second, and the start of an interpreter"
    found = handled(tmp_path)
    assert all(found.get(f"parent-{number}") == 1 for number in range(50))


def test_fm_23_os_exit_and_sigterm_leave_what_was_confirmed(tmp_path):
    for last, status in (("os._exit(4)", 4), ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM)):
        folder = tmp_path / str(status)
        folder.mkdir()
        body = f"""
            bus = make()
            bus.register_handler(veribus.AuditLogger(Path(FOLDER) / "audit.log"))
            bus.publish_confirmed(veribus.Security("kept"), timeout=10)
            {last}
            time.sleep(10)
        """
        code, error, _ = run(folder, body)
        assert code == status, error
        assert '"kept"' in (folder / "audit.log").read_text()


def test_gevent_may_patch_everything_before_or_after(tmp_path):
    pytest.importorskip("gevent", reason="skip: gevent is not installed")
    for first, second in (("gevent.monkey.patch_all()", ""), ("", "gevent.monkey.patch_all()")):
        folder = tmp_path / ("before" if first else "after")
        folder.mkdir()
        script = folder / "case.py"
        body = f"""
            {second or 'pass'}
            bus = make()
            def work(mark): send(bus, 50, mark)
            gevent.joinall([gevent.spawn(work, f"green{{n}}") for n in range(3)])
            assert bus.flush(5)
        """
        script.write_text(f"import gevent, gevent.monkey\n{first}\n" + PRELUDE + textwrap.dedent(body))
        command = [sys.executable, str(script), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        once(folder, "green0", "green1", "green2", count=50)


def test_a_subinterpreter_is_refused_in_words(tmp_path):
    program = (
        "import _xxsubinterpreters as interpreters\n"
        "one = interpreters.create()\n"
        "interpreters.run_string(one, 'import veribus')\n"
    )
    if sys.version_info >= (3, 13):
        program = program.replace("_xxsubinterpreters", "_interpreters")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "cannot be used in a subinterpreter" in done.stderr


def test_the_import_is_quick_and_brings_no_framework():
    program = (
        "import sys, time; before = set(sys.modules); began = time.process_time(); import veribus;"
        "took = time.process_time() - began; import json;"  # of this process: a machine with other work takes longer
        "print(json.dumps([took, sorted(set(sys.modules) - before)]))"
    )
    results = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
        results.append(json.loads(done.stdout))
    assert min(took for took, _ in results) < 0.030
    heavy = {"asyncio", "inspect", "dataclasses", "logging", "django", "flask", "fastapi", "celery", "opentelemetry"}
    assert not heavy & set(results[0][1])
