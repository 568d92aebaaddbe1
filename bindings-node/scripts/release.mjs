// Lays out what is published: `release/veribus`, which has no addon, and `release/PLATFORM` with this platform's addon.
//
// npm installs the platform's package as an optional dependency; nothing is downloaded or built by a script. On each
// platform run this after `npm run build`; publish the platforms' packages first, then `veribus` from one of them.

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const release = process.argv[2] ?? join(root, "release");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { platform } = createRequire(import.meta.url)(join(root, "dist/native.js"));

/** The platforms that are built; each is a machine that runs this. */
const PLATFORMS = ["linux-x64-gnu", "linux-x64-musl", "linux-arm64-gnu", "darwin-arm64", "darwin-x64", "win32-x64-msvc"];

function write(folder, content) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify(content, null, 2) + "\n");
}

rmSync(release, { recursive: true, force: true });
const { devDependencies: _dev, scripts: _scripts, ...kept } = manifest;
const whole = join(release, "veribus");
write(whole, {
  ...kept,
  optionalDependencies: Object.fromEntries(PLATFORMS.map((name) => [`@veribus/${name}`, manifest.version])),
});
cpSync(join(root, "dist"), join(whole, "dist"), { recursive: true, filter: (path) => !path.endsWith(".node") });
cpSync(join(root, "README.md"), join(whole, "README.md"));

const name = platform();
const [, os, cpu, libc] = /^@veribus\/(\w+)-(\w+)(?:-(\w+))?$/.exec(name);
const own = join(release, name.split("/")[1]);
write(own, {
  name,
  version: manifest.version,
  description: `The addon of veribus for ${name.split("/")[1]}`,
  license: manifest.license,
  repository: manifest.repository,
  engines: manifest.engines,
  main: "veribus.node",
  files: ["veribus.node"],
  os: [os],
  cpu: [cpu],
  ...(os === "linux" ? { libc: [libc === "gnu" ? "glibc" : "musl"] } : {}),
});
cpSync(join(root, "dist/veribus.node"), join(own, "veribus.node"));
console.log(`${whole}\n${own}`);
