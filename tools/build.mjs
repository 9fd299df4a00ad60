/**
 * Bundles the command into dist/pagewalk.js. One bundle with the core's constants in it as numbers (inline-constants.mjs),
 * because constants imported across modules are not folded at run time, and with a copy of the core's running code for every
 * machine (specialise.mjs). `--if-stale` builds only when a source file, or one of these tools, is newer than the bundle.
 */
import { build } from "esbuild";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { ENTRIES } from "./entries.mjs";
import { findConstants, inlineConstants } from "./inline-constants.mjs";
import { findFixedFields } from "./kernel-fields.mjs";
import { specialise } from "./specialise.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const core = path.join(root, "src", "core");
const outfile = path.join(root, "dist", "pagewalk.js");

const TOOLS = ["build.mjs", "entries.mjs", "inline-constants.mjs", "kernel-fields.mjs", "specialise.mjs"];

/** The newest change of any file below a folder, in ms. */
function newestChange(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) newest = Math.max(newest, statSync(path.join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  }
  return newest;
}

/** What the bundle is made of, and what makes it. */
const newest = Math.max(newestChange(path.join(root, "src")), ...TOOLS.map((name) => statSync(path.join(root, "tools", name)).mtimeMs));
const isFresh =
  process.argv.includes("--if-stale") && existsSync(outfile) && statSync(outfile).mtimeMs > newest;

if (!isFresh) {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const constants = findConstants(core);
  const fixed = findFixedFields(core, "AbiState");
  const { outputFiles } = await build({
    entryPoints: [path.join(root, "src/hosts/cli/main.ts")],
    outfile,
    write: false,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    minifySyntax: true,
    packages: "external",
    sourcemap: "linked",
    banner: { js: "#!/usr/bin/env node" },
    define: { ...constants, PAGEWALK_VERSION: JSON.stringify(version) },
    plugins: [inlineConstants(core, constants)],
    logLevel: "warning",
  });
  mkdirSync(path.dirname(outfile), { recursive: true });
  for (const { path: file, text } of outputFiles)
    writeFileSync(file, file === outfile ? specialise(text, ENTRIES, fixed) : text);
  chmodSync(outfile, 0o755);
}
