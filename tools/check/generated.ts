/**
 * What is published and made from the code: the JSON schemas of machine files and reports, and docs/linux-map.md.
 * `npm run docs` writes them; the check says when they are behind.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { z } from "zod";
import { machineFileSchema } from "../../src/hosts/cli/machine-file.ts";
import { limitsReportSchema } from "../../src/hosts/cli/report/limits-schema.ts";
import { policyReportSchema } from "../../src/hosts/cli/report/policy-schema.ts";
import { runReportSchema } from "../../src/hosts/cli/report/schema.ts";
import { linuxMap } from "./linux-map.ts";

const GENERATED: Readonly<Record<string, () => string>> = {
  "docs/schemas/limits-report.schema.json": () => schemaText(limitsReportSchema),
  "docs/schemas/machine.schema.json": () => schemaText(machineFileSchema),
  "docs/schemas/policy-report.schema.json": () => schemaText(policyReportSchema),
  "docs/schemas/run-report.schema.json": () => schemaText(runReportSchema),
  "docs/linux-map.md": linuxMap,
};

function schemaText(schema: z.ZodType): string {
  return `${JSON.stringify(z.toJSONSchema(schema), null, 2)}\n`;
}

/** One line a published file that is not what the code says. */
export function checkGenerated(): string[] {
  const findings: string[] = [];
  for (const [file, make] of Object.entries(GENERATED)) {
    let published = "";
    try {
      published = readFileSync(file, "utf8");
    } catch {
      findings.push(`${file}: missing; run npm run docs`);
      continue;
    }
    if (published !== make()) findings.push(`${file}: behind the code; run npm run docs`);
  }
  return findings;
}

function writeGenerated(): void {
  for (const [file, make] of Object.entries(GENERATED)) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, make());
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeGenerated();
