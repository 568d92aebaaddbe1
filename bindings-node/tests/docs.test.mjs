// The pages for Node run: the blocks of one page, in their order, are one program. And every fault has its tests.
//
// A block `<!-- js ... -->` belongs to the program and is not shown: what the reader has already, or what must hold.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";

import ts from "typescript";

import { plainEnvironment, VERIBUS } from "./servers.mjs";
import { folder, HERE, REPOSITORY } from "./support.mjs";

const PACKAGE = join(HERE, "..");
const DOCS = join(REPOSITORY, "docs");
const BLOCK = /^(?:```(?:js|ts)|<!-- (?:js|ts))\n([^]*?)^(?:```|-->)$/gm;
const PAGES = [join(PACKAGE, "README.md"), ...readdirSync(DOCS).filter((name) => /^node.*\.md$/.test(name)).map((name) => join(DOCS, name))];
const home = folder();

before(() => {
  // An application that has everything installed.
  const modules = join(home, "node_modules");
  mkdirSync(join(modules, "@types"), { recursive: true });
  symlinkSync(PACKAGE, join(modules, "veribus"));
  for (const name of readdirSync(join(PACKAGE, "node_modules")).filter((name) => !name.startsWith(".") && name !== "@types")) {
    symlinkSync(join(PACKAGE, "node_modules", name), join(modules, name));
  }
});

/** The page's program; each line stands where it stands in the page, so that a trace of calls names it. */
function programOf(page) {
  const lines = [];
  for (const found of page.matchAll(BLOCK)) {
    const start = page.slice(0, found.index).split("\n").length;
    while (lines.length < start) {
      lines.push("");
    }
    lines.push(...found[1].trimEnd().split("\n"));
  }
  return lines.join("\n");
}

/** JavaScript of it, decorators too. */
function javascript(source) {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, experimentalDecorators: true, emitDecoratorMetadata: true,
    verbatimModuleSyntax: false, sourceMap: false,
  };
  const { outputText, diagnostics } = ts.transpileModule(source, { compilerOptions, reportDiagnostics: true });
  assert.deepEqual(diagnostics.map((found) => ts.flattenDiagnosticMessageText(found.messageText, "\n")), []);
  return outputText;
}

for (const path of PAGES) {
  const name = path === PAGES[0] ? "README" : path.slice(DOCS.length + 1, -3);
  test(`the page ${name} does what it says`, async () => {
    const page = readFileSync(path, "utf8");
    const source = programOf(page);
    if (name === "node-tests") {
      return;
    }
    assert.notEqual(source.trim(), "", "the page has no example");
    const cwd = join(home, name);
    mkdirSync(cwd);
    writeFileSync(join(cwd, "page.mjs"), page.includes("```ts") ? javascript(source) : source);
    const env = { ...plainEnvironment(), ...(VERIBUS === undefined ? {} : { VERIBUS_BINARY: VERIBUS }) };
    const child = spawn(process.execPath, ["page.mjs"], { cwd, env, stdio: ["ignore", "ignore", "pipe"], timeout: 60_000 });
    let errors = "";
    child.stderr.on("data", (data) => (errors += data));
    const [code] = await once(child, "close");
    assert.equal(code, 0, errors);
  });
}

test("every integration has a page that says how it is set up", () => {
  const pages = PAGES.map((path) => readFileSync(path, "utf8")).join("");
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  for (const entry of Object.keys(exports).filter((name) => name !== "." && name !== "./package.json")) {
    assert.ok(pages.includes(`"veribus${entry.slice(1)}"`), entry);
  }
});

test("every program of a page is run", () => {
  for (const path of PAGES) {
    const page = readFileSync(path, "utf8");
    assert.doesNotMatch(page, /^```(?:javascript|typescript|mjs|jsx|tsx)$/m, `${path}: blocks are \`\`\`js or \`\`\`ts`);
  }
});

/** How often each is tried at least in CI: T0 of docs/node-tests.md. */
const FAULTS = { "FM-17": 12, "FM-18": 20, "FM-24": 40, ...Object.fromEntries(Array.from({ length: 18 }, (_, n) => [`BAD-${String(n + 1).padStart(2, "0")}`, 1])) };

test("every fault has its tests, as many as it must have, and the page names where they are", () => {
  const page = readFileSync(join(DOCS, "node-tests.md"), "utf8");
  const rows = new Map([...page.matchAll(/^\| ((?:FM|BAD)-\d+) \| (\d+) \|[^|]*\|([^|]*)\|$/gm)].map(([, id, least, where]) => [id, { least: Number(least), where }]));
  assert.deepEqual([...rows.keys()], Object.keys(FAULTS));
  for (const [id, { least, where }] of rows) {
    assert.ok(least >= FAULTS[id], `${id} must be tried ${FAULTS[id]} times`);
    const files = [...where.matchAll(/`(\w+\.test\.mjs)`/g)].map(([, file]) => readFileSync(join(HERE, file), "utf8"));
    const named = files.map((text) => [...text.matchAll(new RegExp(`fault\\([\`"]${id}:`, "g"))].length);
    assert.ok(named.length > 0 && named.every((count) => count > 0), `${id} has no test in ${where}`);
    // A file whose tests are made in loops says itself how many there are, and fails if there are fewer.
    const promised = files.map((text) => Number(new RegExp(`atLeast\\("${id}", (\\d+)\\)`).exec(text)?.[1] ?? 0));
    const sum = named.reduce((all, count, index) => all + Math.max(count, promised[index]), 0);
    assert.ok(sum >= least, `${id}: ${sum} of ${least}`);
  }
});
