// The package as npm brings it: prebuilt, without scripts, for `import` and `require`; its types hold under strict.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";

import { folder, HERE } from "./support.mjs";

const PACKAGE = join(HERE, "..");
const home = folder();
const app = join(home, "app");

function run(program, args, cwd = PACKAGE) {
  const ran = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 110_000, env: { ...process.env, npm_config_offline: "true" } });
  assert.equal(ran.status, 0, `${program} ${args.join(" ")}\n${ran.stdout}${ran.stderr}`);
  return ran.stdout;
}

const bin = (name) => join(PACKAGE, "node_modules", ".bin", name);

before(() => {
  const release = join(home, "release");
  run(process.execPath, ["scripts/release.mjs", release]);
  for (const name of readdirSync(release)) {
    // The other platforms' packages are not there to be installed offline.
    const path = join(release, name, "package.json");
    const { optionalDependencies: _others, ...manifest } = JSON.parse(readFileSync(path, "utf8"));
    assert.equal(manifest.scripts, undefined, "nothing runs when it is installed");
    writeFileSync(path, JSON.stringify(manifest));
    run("npm", ["pack", "--silent", "--pack-destination", home], join(release, name));
  }
  mkdirSync(app);
  writeFileSync(join(app, "package.json"), "{}");
  const packed = readdirSync(home).filter((name) => name.endsWith(".tgz")).map((name) => join(home, name));
  assert.equal(packed.length, 2);
  run("npm", ["install", "--silent", "--no-audit", "--no-fund", "--legacy-peer-deps", ...packed], app);
});

test("an installed package works for import and require", () => {
  const body = `
    const bus = new v.VerificationEventBus(100);
    console.log(bus.publish(v.authentication("login")).status);
  `;
  writeFileSync(join(app, "esm.mjs"), `import * as v from "veribus"; import { veribus } from "veribus/express"; import f from "veribus/fastify"; ${body} console.log(typeof veribus, typeof f);`);
  writeFileSync(join(app, "cjs.cjs"), `const v = require("veribus"); const { veribus } = require("veribus/express"); const f = require("veribus/fastify").default; ${body} console.log(typeof veribus, typeof f);`);
  for (const name of ["esm.mjs", "cjs.cjs"]) {
    assert.equal(run(process.execPath, [name], app), "accepted\nfunction function\n");
  }
});

test("the types hold for strict TypeScript, of modules and of CommonJS", () => {
  const source = readFileSync(join(HERE, "typing", "usage.ts"), "utf8");
  for (const [name, module] of [["usage.mts", "node16"], ["usage.cts", "node16"], ["usage-bundler.ts", "esnext"]]) {
    writeFileSync(join(app, name), source);
    const resolution = module === "esnext" ? "bundler" : "node16";
    const types = join(PACKAGE, "node_modules", "@types");
    run(bin("tsc"), ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2023,esnext.disposable", "--module", module, "--moduleResolution", resolution, "--typeRoots", types, "--types", "node", name], app);
  }
});

test("publint and arethetypeswrong find nothing", () => {
  const packed = readdirSync(home).find((name) => /^veribus-\d.*\.tgz$/.test(name));
  run(bin("publint"), ["--strict", join(home, packed)]);
  run(bin("attw"), ["--profile", "node16", join(home, packed)]);
});
