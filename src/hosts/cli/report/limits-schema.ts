/**
 * What `pagewalk run --limit A,B,… --json` writes: one zod definition gives the type and the published JSON schema
 * (docs/schemas/limits-report.schema.json).
 */
import { z } from "zod";
import { runReportSchema } from "./schema.ts";

/** The report: one of each run, in the order of the limits. */
export const limitsReportSchema = z.strictObject({
  schema: z.literal("pagewalk-limits-report/1"),
  version: z.string().describe("version of Pagewalk"),
  limits: z.array(z.number().int().min(0).nullable()).describe("memory.max of each run, bytes; null for max"),
  runs: z.array(runReportSchema),
});

/** The report's type. */
export type LimitsReport = z.infer<typeof limitsReportSchema>;
