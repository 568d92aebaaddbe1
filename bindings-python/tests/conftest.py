"""What every test may use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import veribus

REPOSITORY = Path(__file__).resolve().parents[2]


class Captured:
    """A handler that keeps what it is given."""

    name = "captured"

    def __init__(self) -> None:
        self.events: list[veribus.VerificationEvent] = []

    def handle(self, events: list[veribus.VerificationEvent]) -> None:
        self.events.extend(events)


@pytest.fixture
def bus() -> Iterator[veribus.VerificationEventBus]:
    with veribus.VerificationEventBus(1000, service="tests") as bus:
        yield bus


@pytest.fixture
def captured(bus: veribus.VerificationEventBus) -> Captured:
    captured = Captured()
    bus.register_handler(captured)
    return captured


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits until it holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never held"
        time.sleep(0.002)
