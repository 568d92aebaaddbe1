"""The wire, version 1: batches of events as JSON and MessagePack, byte for byte as every other SDK writes them."""

from __future__ import annotations

from ._veribus import Batch, decode, decode_each, encode, event_from_json

__all__ = ["Batch", "decode", "decode_each", "encode", "event_from_json"]
