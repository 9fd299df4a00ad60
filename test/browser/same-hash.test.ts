/** The core is the same in a browser: equal hashes of all columns after the same scripts. Skipped where there is no Chromium. */
import { build } from "esbuild";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { hashLines } from "./page.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const GOLDEN = path.join(ROOT, "golden/linux-6.12-x86_64");
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=1",
];
const chromium = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
);

/** Every tenth golden script: they differ in little that hashing could tell. */
function jobs(): { name: string; text: string }[] {
  return readdirSync(GOLDEN, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("boot-"))
    .filter((_, index) => index % 10 === 0)
    .map(({ name }) => ({ name, text: readFileSync(path.join(GOLDEN, name, "script.pw"), "utf8") }));
}

/** The page's text after its script has run. */
async function inBrowser(folder: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { hashLines } from "./page.ts";\ndocument.body.textContent = hashLines(${JSON.stringify(jobs())});`,
      resolveDir: import.meta.dirname,
      loader: "ts",
    },
    bundle: true,
    format: "iife",
    platform: "browser",
    write: false,
  });
  const page = path.join(folder, "page.html");
  const code = outputFiles[0]!.text.replaceAll("</script", "<\\/script");
  writeFileSync(page, `<!doctype html><meta charset="utf-8"><body></body><script>${code}</script>`);
  const html = execFileSync(chromium!, [...FLAGS, `--user-data-dir=${folder}/profile`, "--dump-dom", `file://${page}`], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 120_000,
  });
  return /<body>([^<]*)/.exec(html)?.[1]?.trim() ?? "";
}

test.skipIf(chromium === undefined)(
  `golden scripts give the same columns in Chromium${chromium === undefined ? " (skipped: no Chromium)" : ""}`,
  async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "pagewalk-browser-"));
    try {
      expect(await inBrowser(folder)).toBe(hashLines(jobs()));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  180_000,
);
