// The golden vectors of `conformance/`, byte for byte.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { codec, CodecError } from "veribus";

import { REPOSITORY } from "./support.mjs";

const folder = join(REPOSITORY, "conformance");
const index = JSON.parse(readFileSync(join(folder, "vectors.json"), "utf8"));

function load(kind, name, format) {
  const path = join(folder, kind, `${name}.${format === "json" ? "json" : "msgpack.hex"}`);
  const bytes = readFileSync(path);
  return format === "json" ? bytes : Buffer.from(bytes.toString("latin1").replace(/\s/g, ""), "hex");
}

/** What an event of JavaScript cannot say apart: a float without a fraction, durations finer than a float holds. */
function sayable(line) {
  return !/[:,[]-?\d+\.0[,}\]]|\d[eE]|"duration_ns":(\{|\d{16})/.test(line);
}

for (const { name } of index.valid) {
  test(`the valid batch ${name} is read and written byte for byte`, () => {
    const line = load("valid", name, "json").subarray(0, -1);
    const packed = load("valid", name, "msgpack");
    for (const batch of [codec.decode(line, "json"), codec.decode(packed, "msgpack")]) {
      assert.equal(batch.encode("json").toString(), line.toString());
      assert.deepEqual(batch.encode("msgpack"), packed);
    }
  });
}

test("an event of JavaScript says what its line says", () => {
  let compared = 0;
  for (const { name } of index.valid) {
    for (const line of codec.decode(load("valid", name, "json").subarray(0, -1), "json").lines.filter(sayable)) {
      // The core reads what JavaScript wrote and writes its own form: the very line that JavaScript was given.
      const again = codec.canonical(codec.eventFromJson(line));
      assert.equal(again, line);
      compared += 1;
    }
  }
  assert.ok(compared > 20, `only ${compared} events were compared`);
});

for (const { name, format } of index.accepted) {
  test(`the accepted batch ${name} (${format}) is written in its canonical form`, () => {
    const canonical = readFileSync(join(folder, "accepted", `${name}.canonical.json`)).subarray(0, -1);
    assert.equal(codec.decode(load("accepted", name, format), format).encode("json").toString(), canonical.toString());
  });
}

for (const vector of index.malformed) {
  test(`the malformed batch ${vector.name} is refused with its code at its path`, () => {
    const data = load("malformed", vector.name, vector.format);
    assert.throws(
      () => codec.decode(data, vector.format),
      (thrown) => {
        assert.ok(thrown instanceof CodecError, `${thrown}`);
        assert.deepEqual([thrown.code, thrown.path], [vector.code, vector.path]);
        return true;
      },
    );
    if (vector.each !== undefined) {
      const each = codec.decodeEach(data, vector.format);
      assert.deepEqual(each.map((found) => found.code ?? null), vector.each);
    }
  });
}
