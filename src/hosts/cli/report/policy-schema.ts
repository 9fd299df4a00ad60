/**
 * What `pagewalk run --policy --json` writes: one zod definition gives the type and the published JSON schema
 * (docs/schemas/policy-report.schema.json).
 */
import { z } from "zod";

const whole = z.number().int().min(0);

/** The report. */
export const policyReportSchema = z.strictObject({
  schema: z.literal("pagewalk-policy-report/1"),
  version: z.string().describe("Pagewalk's version"),
  trace: z.strictObject({ path: z.string(), format: z.string() }),
  references: whole.describe("references in the trace"),
  pages: whole.describe("different pages they go to"),
  seed: whole.describe("seed of the policies that draw lots"),
  hostSeconds: z.number().min(0).describe("time all of it took here, reading included"),
  results: z.array(
    z.strictObject({
      policy: z.string(),
      frames: z.number().int().min(1),
      faults: whole.describe("references that found their page missing"),
      writeBacks: whole.describe("pages that left and had been written since they came; none at the end"),
      hitRate: z.number().min(0).max(1).describe("references that found their page, of all"),
    }),
  ),
});

/** The report's type. */
export type PolicyReport = z.infer<typeof policyReportSchema>;
