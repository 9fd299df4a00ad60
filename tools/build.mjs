/**
 * Bundles the command into dist/pagewalk.js. One bundle, because constants imported across modules are not folded
 * at run time and a bundle's are. `--if-stale` builds only when a source file is newer than the bundle.
 */
import { build } from "esbuild";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const outfile = path.join(root, "dist", "pagewalk.js");

/** The newest change of any file below a folder, in ms. */
function newestChange(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) newest = Math.max(newest, statSync(path.join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  }
  return newest;
}

const isFresh =
  process.argv.includes("--if-stale") && existsSync(outfile) && statSync(outfile).mtimeMs > newestChange(path.join(root, "src"));

if (!isFresh) {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  await build({
    entryPoints: [path.join(root, "src/hosts/cli/main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    minifySyntax: true,
    packages: "external",
    sourcemap: "linked",
    banner: { js: "#!/usr/bin/env node" },
    define: { PAGEWALK_VERSION: JSON.stringify(version) },
    logLevel: "warning",
  });
  chmodSync(outfile, 0o755);
}
