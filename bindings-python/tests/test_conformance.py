"""The golden vectors of `conformance/`, byte for byte."""

from __future__ import annotations

import json

import pytest
import veribus
from conftest import REPOSITORY
from veribus import codec

HERE = REPOSITORY / "conformance"
INDEX = json.loads((HERE / "vectors.json").read_text())


def load(folder, name, form):
    path = HERE / folder / f"{name}.{'json' if form == 'json' else 'msgpack.hex'}"
    return path.read_bytes() if form == "json" else bytes.fromhex(path.read_text())


@pytest.mark.parametrize("name", [vector["name"] for vector in INDEX["valid"]])
def test_a_valid_batch_is_read_and_written_byte_for_byte(name):
    line, packed = load("valid", name, "json")[:-1], load("valid", name, "msgpack")
    for batch in (codec.decode(line, "json"), codec.decode(packed, "msgpack")):
        assert codec.encode(batch, "json") == line
        assert codec.encode(batch, "msgpack") == packed
        for event in batch.events:
            again = codec.event_from_json(event.to_json().encode())
            assert again == event


@pytest.mark.parametrize(("name", "form"), [(v["name"], v["format"]) for v in INDEX["accepted"]])
def test_an_accepted_batch_is_written_in_its_canonical_form(name, form):
    canonical = (HERE / "accepted" / f"{name}.canonical.json").read_bytes()[:-1]
    assert codec.encode(codec.decode(load("accepted", name, form), form), "json") == canonical


@pytest.mark.parametrize("vector", INDEX["malformed"], ids=lambda vector: vector["name"])
def test_a_malformed_batch_is_refused_with_its_code_at_its_path(vector):
    data = load("malformed", vector["name"], vector["format"])
    with pytest.raises(veribus.CodecError) as raised:
        codec.decode(data, vector["format"])
    assert (raised.value.code, raised.value.path) == (vector["code"], vector["path"])
    if "each" in vector:
        each = codec.decode_each(data, vector["format"])
        assert [getattr(found, "code", None) for found in each] == vector["each"]
