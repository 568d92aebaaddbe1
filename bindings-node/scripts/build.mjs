// Builds the package where it stands: the addon with cargo, the TypeScript with tsc, and a face for `import`.
//
// VERIBUS_PROFILE=dev builds the addon without optimisation, for tests; VERIBUS_ADDON=skip leaves it as it is.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");

function run(program, args, options = {}) {
  const ran = spawnSync(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], ...options });
  if (ran.error) {
    throw new Error(`cannot run \`${program}\`: ${ran.error.message}`);
  }
  if (ran.status !== 0) {
    throw new Error(`\`${program} ${args.join(" ")}\` ended with ${ran.status ?? ran.signal}`);
  }
  return ran.stdout;
}

/** Builds the addon and copies it to `dist/veribus.node`. */
function addon() {
  if (!existsSync(join(root, "Cargo.toml"))) {
    throw new Error("there is no prebuilt addon for this platform in the package, and no source to build one from");
  }
  const profile = process.env.VERIBUS_PROFILE === "dev" ? "dev" : "release";
  const args = ["build", "--locked", "-p", "veribus-node", "--profile", profile, "--message-format", "json-render-diagnostics"];
  const lines = run("cargo", args, { stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 }).toString().split("\n");
  const made = lines
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((message) => message.reason === "compiler-artifact" && message.target.name === "veribus_node");
  const library = made.at(-1)?.filenames.find((name) => /\.(so|dylib|dll)$/.test(name));
  if (library === undefined) {
    throw new Error("cargo built no addon");
  }
  // Written beside and renamed: a process that has the old one loaded keeps it.
  copyFileSync(library, join(dist, "veribus.node.new"));
  renameSync(join(dist, "veribus.node.new"), join(dist, "veribus.node"));
}

/** For each entry that package.json exports, the file that `import` gets: one module, whoever loads it. */
function faces() {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const require = createRequire(import.meta.url);
  for (const entry of Object.values(exports)) {
    const target = entry?.require?.default;
    if (target === undefined) {
      continue;
    }
    const name = target.slice("./dist/".length, -".js".length);
    const up = "./" + name.split("/").at(-1);
    const source = readFileSync(join(dist, `${name}.d.ts`), "utf8");
    const names = Object.keys(require(join(root, target))).filter((key) => key !== "default" && key !== "__esModule");
    const hasDefault = /export default|export \{[^}]*default/.test(source);
    const lines = [`import whole from "${up}.js";`, `export const { ${names.sort().join(", ")} } = whole;`];
    if (hasDefault) {
      lines.push("export default whole.default;");
    }
    writeFileSync(join(dist, `${name}.mjs`), lines.join("\n") + "\n");
    const types = [`export * from "${up}.js";`];
    if (hasDefault) {
      types.push(`export { default } from "${up}.js";`);
    }
    writeFileSync(join(dist, `${name}.d.mts`), types.join("\n") + "\n");
  }
}

if (process.env.VERIBUS_ADDON !== "skip") {
  mkdirSync(dist, { recursive: true });
  addon();
}
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
rmSync(join(root, "dist/.tsbuildinfo"), { force: true });
run(process.execPath, [tsc, "-p", "tsconfig.json"]);
faces();
