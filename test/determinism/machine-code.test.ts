import { build, type Plugin } from "esbuild";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";

const ROOT = path.join(import.meta.dirname, "../..");
/** What the build does; plain JavaScript, so the types are said here. */
const tool = (name: string): Promise<unknown> => import(path.join(ROOT, "tools", name));
const { ENTRIES } = (await tool("entries.mjs")) as { ENTRIES: readonly string[] };
const { findConstants, inlineConstants } = (await tool("inline-constants.mjs")) as {
  findConstants(folder: string): Record<string, string>;
  inlineConstants(folder: string, values: Record<string, string>): Plugin;
};
const { specialise } = (await tool("specialise.mjs")) as {
  specialise(text: string, entries: readonly string[], fixed?: FixedFields): string;
};
/** Fields of the kernel that never change: name to those below it. */
type FixedFields = ReadonlyMap<string, ReadonlySet<string>>;
const { findFixedFields } = (await tool("kernel-fields.mjs")) as {
  findFixedFields(core: string, kernel: string): FixedFields;
};
const FIXED = findFixedFields(path.join(ROOT, "src/core"), "AbiState");
const GOLDEN = path.join(ROOT, "golden/linux-6.12-x86_64");
const folder = mkdtempSync(path.join(tmpdir(), "pagewalk-code-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the bundles export. */
interface Bundle {
  /** The hash of a small machine's columns after a script. */
  scriptHash(text: string): string;
}

/** The core and the script language in one file, as tools/build.mjs makes it. */
async function bundleText(): Promise<string> {
  const core = path.join(ROOT, "src/core");
  const constants = findConstants(core);
  const entry = `
    export { ${ENTRIES.join(", ")} } from "./src/core/index.ts";
    import { boot, hashKernel, checkKernel } from "./src/core/index.ts";
    import { readScript } from "./src/programs/script/check.ts";
    import { runScript } from "./src/programs/script/run.ts";
    export function scriptHash(text) {
      const kernel = boot({ name: "code", cpus: 2, sizeBytes: 512 * 1048576, seed: 3 });
      for (const [name, part] of Object.entries(kernel))
        if (name !== "knob" && Object.getPrototypeOf(part) === Object.prototype) Object.freeze(part);
      Object.freeze(kernel);
      runScript(kernel, readScript(text, "script.pw").script, () => {});
      checkKernel(kernel);
      return hashKernel(kernel);
    }`;
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: ROOT },
    bundle: true,
    write: false,
    format: "esm",
    minifySyntax: true,
    define: constants,
    plugins: [inlineConstants(core, constants)],
  });
  return outputFiles[0]!.text;
}

async function load(name: string, text: string): Promise<Bundle> {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return (await import(pathToFileURL(file).href)) as Bundle;
}

test("the kernel's interfaces say which columns are never replaced", () => {
  expect([...FIXED.get("ram")!]).toEqual(["nrFrames", "fill", "slot", "words", "freeSlots", "slotCount"]);
  for (const name of ["page", "clock", "swap", "psi", "task", "program"]) expect(FIXED.has(name), name).toBe(true);
  expect(FIXED.get("page")!.size).toBe(0);
});

// Both run with frozen columns: whoever replaced one would fail.
test("a machine's own copy of the code leaves the same columns as the code that all machines share", async () => {
  const text = await bundleText();
  const shared = await load("shared.mjs", text);
  const own = await load("own.mjs", specialise(text, ENTRIES, FIXED));
  const names = readdirSync(GOLDEN).filter((name) => !name.startsWith("boot-") && !name.endsWith(".md"));
  const chosen = names.filter((name, index) => index % 24 === 0 || name.includes("swap"));
  expect(chosen.length).toBeGreaterThan(8);
  for (const name of chosen) {
    const script = readFileSync(path.join(GOLDEN, name, "script.pw"), "utf8");
    // Twice: the first machine of a process and the later ones get their code in different ways.
    expect([own.scriptHash(script), own.scriptHash(script)], name).toEqual(Array(2).fill(shared.scriptHash(script)));
  }
}, 120_000);

/** Runs a bundle's `go` with a kernel, after specialising it. */
function run(text: string, kernel: object): unknown {
  const code = specialise(text, ["go"]);
  return (new Function("kernel", `${code}\nreturn go(kernel, 1);`) as (k: object) => unknown)(kernel);
}

test("columns, objects and patterns become constants; parameters k go where every caller has the same kernel", () => {
  const text = `
    function inner(k, at) { const { next, prev: before } = k.page; const z = k.zone; return next[at] + before[at] + z.base; }
    function go(k, at) { return inner(k, at) + k.page.next[at]; }`;
  expect(run(text, { page: { next: [0, 5], prev: [0, 7] }, zone: { base: 100 } })).toBe(117);
  const code = specialise(text, ["go"]);
  expect(code).toContain("function inner(at) { const next = k$page$next, before = k$page$prev;");
  expect(code).toContain("k$zone$base");
});

test("a parameter that is always the same object becomes that; one that is not stays", () => {
  const text = `
    function sum(tlb, other) { const { base: first } = tlb; const t = tlb; return first + t.size + other.size; }
    function hand(tlb, other) { return sum(tlb, other); }
    function go(k, at) { const { tlb } = k; return hand(tlb, k.tlb) + hand(k.tlb, k.ram); }`;
  expect(run(text, { tlb: { base: 1, size: 10 }, ram: { size: 100 } })).toBe(132);
  const code = specialise(text, ["go"]);
  expect(code).toContain("const first = k$tlb$base; const t = tlb; return first + k$tlb$size + other.size;");
});

test("a local name that is assigned to later stands for nothing", () => {
  const text = `
    function sum(tlb) { return tlb.size; }
    function go(k, at) { let q = k.tlb; q = k.ram; const r = q; return sum(q) * 100 + r.size; }`;
  expect(run(text, { tlb: { size: 1 }, ram: { size: 7 } })).toBe(707);
});

test("what is assigned to is loaded each time", () => {
  const text = `
    function count(k) { k.state.calls += 1; k.knob.limit = 3; return k.state.calls; }
    function go(k, at) { count(k); count(k); return k.state.calls * 10 + k.knob.limit; }`;
  expect(run(text, { state: { calls: 0 }, knob: { limit: 1 } })).toBe(23);
});

test("a field that never changes is a constant, whatever other objects have under its name", () => {
  const text = `
    function go(k, at) { const other = { page: 1, slot: 2 }; other.page = 5; other.slot = 7; return k.page[0] + k.swap.slot[0] + other.page + other.slot; }`;
  const kernel = { page: [100], swap: { slot: [1000] } };
  expect(run(text, kernel)).toBe(1112);
  expect(specialise(text, ["go"])).toContain("return k.page[0] + k$swap.slot[0]");
  const fixed = new Map([["page", new Set<string>()], ["swap", new Set(["slot"])]]);
  expect(specialise(text, ["go"], fixed)).toContain("return k$page[0] + k$swap$slot[0] + other.page + other.slot");
});

test("a function that is handed on keeps its first parameter", () => {
  const text = `
    function twice(k, by) { return k.base[0] * by; }
    const table = [{ make: twice }];
    function go(k, at) { return table[0].make(k, at + 1); }`;
  expect(run(text, { base: [21] })).toBe(42);
});

test("a name that hides an object's is left alone", () => {
  const text = `
    function go(k, at) { const p = k.psi; const inner = (p) => p.count; let q = k.psi; q = { count: 1 }; return p.count + inner({ count: 30 }) + q.count; }`;
  expect(run(text, { psi: { count: 11 } })).toBe(42);
});

test("an entry that does not take the kernel is refused", () => {
  expect(() => specialise("function go(other) {}", ["go"])).toThrow(/go is no function/);
});
