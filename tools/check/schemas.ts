/**
 * The published JSON schemas are made from the definitions the command itself checks with. `npm run schemas` writes
 * them; the check says when they are behind.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { z } from "zod";
import { machineFileSchema } from "../../src/hosts/cli/machine-file.ts";
import { runReportSchema } from "../../src/hosts/cli/report/schema.ts";

const FOLDER = "docs/schemas";
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  "machine.schema.json": machineFileSchema,
  "run-report.schema.json": runReportSchema,
};

function schemaText(schema: z.ZodType): string {
  return `${JSON.stringify(z.toJSONSchema(schema), null, 2)}\n`;
}

/** One line a published schema that is not what the code says. */
export function checkSchemas(): string[] {
  const findings: string[] = [];
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    const file = path.posix.join(FOLDER, name);
    let published = "";
    try {
      published = readFileSync(file, "utf8");
    } catch {
      findings.push(`${file}: missing; run npm run schemas`);
      continue;
    }
    if (published !== schemaText(schema)) findings.push(`${file}: behind the code; run npm run schemas`);
  }
  return findings;
}

function writeSchemas(): void {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, schema] of Object.entries(SCHEMAS)) writeFileSync(path.join(FOLDER, name), schemaText(schema));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeSchemas();
