"""The words of the event model, as types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Union

Kind = Literal["authentication", "authorization", "configuration", "performance", "security"]
Outcome = Literal["success", "failure", "unknown"]
Severity = Literal["informational", "low", "medium", "high", "critical", "fatal"]

Value = Union[str, bool, int, float, bytes, "Sequence[Value]", "Mapping[str, Value]"]
"""What an attribute may hold. Some classes of the standard library are taken as their text: dates, UUIDs, addresses."""
