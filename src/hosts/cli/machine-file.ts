/**
 * Machines a user names: a preset, or a JSON file. The file's shape is one zod definition, which gives the check and
 * the published JSON schema (docs/schemas/machine.schema.json); what cannot exist is refused by the core at boot.
 */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { completeMachine, type Machine, type MachineInput, PRESETS } from "../../core/index.ts";
import { fileProblem, userError } from "./user-error.ts";

const bytes = z.number().int().min(0);
const tlbArray = z.strictObject({
  sets: z.number().int().min(1).describe("a power of two"),
  ways: z.number().int().min(1),
});

/** The shape of a machine file. */
export const machineFileSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().optional(),
  kernel: z.literal("6.12").optional().describe("the kernel that is modelled"),
  config: z
    .strictObject({
      softDirty: z.boolean().describe("CONFIG_MEM_SOFT_DIRTY"),
      protectionKeys: z.boolean().describe("the processor has protection keys and the kernel uses them"),
      pcid: z.boolean().describe("the TLB keeps translations of several address spaces apart"),
      vsyscall: z.enum(["none", "xonly"]).describe("the [vsyscall] page"),
      zswap: z
        .enum(["none", "lzo", "lz4", "zstd"])
        .describe("CONFIG_ZSWAP_COMPRESSOR_DEFAULT; none: no CONFIG_ZSWAP, as in Debian's cloud kernel"),
    })
    .partial()
    .optional()
    .describe("how the kernel was built; Debian's 6.12 when left out"),
  cpus: z.number().int().min(1).max(512).optional(),
  sizeBytes: bytes.optional().describe("RAM of a machine with one node; or give nodes, or e820"),
  nodes: z
    .array(z.strictObject({ sizeBytes: bytes.optional(), cpus: z.array(z.number().int().min(0)).optional() }))
    .optional(),
  distances: z
    .array(z.array(z.number().int()))
    .optional()
    .describe("by node, by node: relative distance, 10 to itself"),
  e820: z
    .array(
      z.strictObject({
        startByte: bytes,
        endByte: bytes.describe("one past the last byte"),
        kind: z.enum(["usable", "reserved", "acpi", "nvs", "unusable"]).optional(),
        node: z.number().int().min(0).optional(),
      }),
    )
    .optional()
    .describe("the firmware's memory map"),
  reserved: z
    .array(
      z.strictObject({
        startByte: bytes,
        endByte: bytes,
        what: z.string().optional(),
        isFreed: z
          .boolean()
          .optional()
          .describe("boot frees it when its limits are set: initrd, init sections"),
      }),
    )
    .optional()
    .describe("memory that boot keeps: kernel image, initrd …; worked out when left out"),
  held: z
    .array(
      z.strictObject({
        startByte: bytes,
        endByte: bytes,
        what: z.string().optional(),
        migratetype: z
          .enum(["unmovable", "movable", "reclaimable"])
          .optional()
          .describe("of the pageblocks that it touches; unmovable when left out"),
      }),
    )
    .optional()
    .describe(
      "memory in use from the start that nobody gives back (slab, kernel stacks, locked programs): " +
        "managed, so that watermarks and reserves count it, but neither free nor on any list of reclaim",
    ),
  init: z
    .strictObject({
      anonBytes: bytes.describe("anonymous memory of its own"),
      sharedBytes: bytes.describe("shared memory, or files in memory"),
    })
    .partial()
    .optional()
    .describe("what process 1, which sleeps, has in memory from the start"),
  movableBytes: bytes.optional().describe("movablecore="),
  levels: z
    .union([z.literal(4), z.literal(5)])
    .optional()
    .describe("levels of the page tables"),
  physBits: z.number().int().min(32).max(52).optional(),
  cacheSliceBytes: bytes.optional(),
  tlb: z
    .strictObject({
      l1d4k: tlbArray,
      l1d2m: tlbArray,
      l1d1g: tlbArray,
      l1i4k: tlbArray,
      l1i2m: tlbArray,
      l2: tlbArray,
      l2Huge1g: tlbArray,
    })
    .partial()
    .optional(),
  disks: z
    .array(
      z
        .strictObject({
          name: z.string(),
          readNs: z.number().min(0),
          writeNs: z.number().min(0),
          requestNs: z.number().min(0),
          bytesPerSecond: z.number().positive(),
          writeBytesPerSecond: z.number().positive(),
          rotational: z.boolean(),
          queueDepth: z.number().int().min(1).max(16384),
        })
        .partial(),
    )
    .optional(),
  cpuSlowdown: z
    .number()
    .positive()
    .optional()
    .describe("how many times as long as on the reference core everything takes that a CPU does"),
  knobs: z
    .record(z.string(), z.number())
    .optional()
    .describe('tunables by path: {"vm.overcommit_memory": 1}'),
  seed: z.number().int().min(0).optional().describe("of all randomness: address space layout"),
  compressionRatio: z
    .number()
    .min(1)
    .max(4096)
    .optional()
    .describe(
      "how many times smaller a compressed page is, where its contents or its compressor are not at hand",
    ),
  contentFrames: z
    .number()
    .int()
    .optional()
    .describe("frames that may have contents of their own at one time"),
});

/** The machine a user named: a preset, or the path of a machine file. UserError when there is no such thing. */
export function loadMachineInput(nameOrPath: string): MachineInput {
  const preset = Object.hasOwn(PRESETS, nameOrPath) ? PRESETS[nameOrPath] : undefined;
  if (preset !== undefined) return preset;
  if (!nameOrPath.endsWith(".json") && !existsSync(nameOrPath)) {
    throw userError(
      `${nameOrPath}: no preset and no file of that name; presets: ${Object.keys(PRESETS).join(", ")}`,
    );
  }
  return parseMachine(nameOrPath, readText(nameOrPath));
}

/** A machine file's text, checked for its shape. UserError naming the field. */
export function parseMachine(path: string, text: string): MachineInput {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw userError(`${path}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = machineFileSchema.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    const field = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
    throw userError(`${path}: ${field}${issue.message}`);
  }
  const { $schema: _schema, ...machine } = result.data;
  // JSON has no undefined: an optional field that is absent is absent.
  return machine as MachineInput;
}

/** Compressors that zswap can begin with, and the tunable that switches it on. */
export const ZSWAP_COMPRESSORS = ["lzo", "lz4", "zstd"] as const;
export type Compressor = (typeof ZSWAP_COMPRESSORS)[number];
const ZSWAP_ENABLED = "/sys/module/zswap/parameters/enabled";

/** The machine with `settings` and a seed over it, complete; UserError naming what cannot exist. */
export function buildMachine(
  nameOrPath: string,
  settings: Readonly<Record<string, number>>,
  seed: number | undefined,
  zswap?: Compressor,
): Machine {
  const input = loadMachineInput(nameOrPath);
  try {
    return completeMachine({
      ...input,
      ...(zswap === undefined ? {} : { config: { ...input.config, zswap } }),
      knobs: { ...input.knobs, ...(zswap === undefined ? {} : { [ZSWAP_ENABLED]: 1 }), ...settings },
      ...(seed === undefined ? {} : { seed }),
    });
  } catch (error) {
    if (error instanceof RangeError) throw userError(`${nameOrPath}: ${error.message}`);
    throw error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw fileProblem(path, error);
  }
}
