"""Real servers for the tests: `veribus collector`, nats-server, redis-server, each on a port of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

VERIBUS = os.environ.get("VERIBUS_BINARY") or shutil.which("veribus")
"""The command line program; `cargo xtask python` builds it and names it."""


def need(program: str | None, name: str) -> str:
    """The program's path, or a skip that says what is missing."""
    if program is None:
        pytest.skip(f"skip: `{name}` is not on this machine")
    return program


class Collector:
    """`veribus collector` in a process of its own, on one address for all of its life."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.binary = need(VERIBUS, "veribus")
        self.data = folder
        self.arguments = arguments
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Collector:
        listen = ["--listen", f"127.0.0.1:{self.port}", "--data", str(self.data), "--quiet"]
        command = [self.binary, "collector", *listen, *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=plain_environment())
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("listening on"):
                return self
        raise AssertionError("the collector did not start")

    @property
    def token(self) -> str:
        return (self.data / "token").read_text().strip()

    @property
    def token_file(self) -> Path:
        return self.data / "token"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()  # type: ignore[union-attr]
            self.process = None

    def events(self, query: str = "") -> list[dict[str, Any]]:
        """What the store has, oldest first."""
        options = ["--jsonl", "--limit", "10000", "--data", str(self.data)]
        command = [self.binary, "search", *options, *query.split()]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain_environment())
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        rows.sort(key=lambda row: row["ingest"])
        return [{**row["event"], "source": row["source"]} for row in rows]

    def targets(self, query: str = "") -> dict[str, int]:
        """How often each target is stored."""
        counts: dict[str, int] = {}
        for event in self.events(query):
            name = str((event.get("target") or {}).get("name"))
            counts[name] = counts.get(name, 0) + 1
        return counts

    def __enter__(self) -> Collector:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


class Server:
    """nats-server or redis-server."""

    def __init__(self, kind: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.kind, self.port = kind, free_port()
        if kind == "nats":
            self.monitor = free_port()
            binary = need(shutil.which("nats-server"), "nats-server")
            self.command = [binary, "-a", "127.0.0.1", "-p", str(self.port), "-m", str(self.monitor), "-js", "-sd", str(folder)]
        else:
            binary = need(shutil.which("redis-server"), "redis-server")
            self.command = [binary, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder), "--save", ""]
        self.url = f"{kind}://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, **quiet)  # type: ignore[call-overload]
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert time.monotonic() < until, f"{self.kind} did not start"
                time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def parcels(self) -> int:
        """How many parcels the broker holds."""
        if self.kind == "nats":
            with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/jsz?streams=true") as answer:
                return int(json.load(answer)["messages"])
        with socket.create_connection(("127.0.0.1", self.port), 5) as asking:
            asking.sendall(b"*2\r\n$4\r\nXLEN\r\n$14\r\nveribus:events\r\n")
            return int(asking.recv(64).strip().lstrip(b":"))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def plain_environment() -> dict[str, str]:
    """Ours, without settings of veribus."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VERIBUS_")}
