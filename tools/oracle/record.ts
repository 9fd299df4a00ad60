/**
 * `npm run golden:record -- [CASE…]`: runs the golden cases' scripts on Debian's 6.12 in QEMU, twice, and keeps what the kernel printed,
 * verbatim, as transcript.txt beside each script, with PROVENANCE.md for the whole folder. A case whose two transcripts differ is not kept:
 * what varies on one kernel is no law. Without arguments all cases that have a script and no transcript yet are recorded; `--all` is all.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { MAKE_DISK } from "../../src/hosts/oracle/disk.ts";
import type { KernelMachine, KernelRun, KernelScript } from "../../src/hosts/oracle/kernel-run.ts";
import { runOnKernel, whyNotKernel } from "../../src/hosts/oracle/run-on-kernel.ts";

const FOLDER = fileURLToPath(new URL("../../golden/linux-6.12-x86_64", import.meta.url));
const PROVENANCE = path.join(FOLDER, "PROVENANCE.md");

function fail(message: string): never {
  process.stderr.write(`golden:record: ${message}\n`);
  process.exit(1);
}

/** The cases to record: those named, or all, or all that have no transcript yet. */
function chosenCases(args: readonly string[]): string[] {
  const cases = readdirSync(FOLDER).filter((name) => existsSync(path.join(FOLDER, name, "script.pw")));
  const named = args.filter((arg) => !arg.startsWith("--"));
  for (const name of named) if (!cases.includes(name)) fail(`there is no case ${name} with a script.pw`);
  if (named.length > 0) return named;
  if (args.includes("--all")) return cases;
  return cases.filter((name) => !existsSync(path.join(FOLDER, name, "transcript.txt")));
}

/** The machine of a case, as far as a boot can be given it. */
function machineOf(name: string): KernelMachine {
  const machine = JSON.parse(readFileSync(path.join(FOLDER, name, "machine.json"), "utf8"));
  const nodes: readonly { readonly sizeBytes: number }[] = machine.nodes;
  const memoryBytes = nodes.reduce((sum, node) => sum + node.sizeBytes, 0);
  return { cpus: machine.cpus, memoryBytes, levels: machine.levels ?? 4 };
}

/** Runs all, and prints what each boot took. */
async function runAll(scripts: readonly KernelScript[], turn: string): Promise<KernelRun> {
  const start = performance.now();
  const run = await runOnKernel(scripts, { kernel: "qemu" }).catch((error: unknown) => fail(String(error)));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${turn} boot: ${run.transcripts.length} scripts on ${run.release} in ${seconds} s\n`);
  return run;
}

/** Writes the transcripts that repeat. Returns how many do not. */
function keepTranscripts(first: KernelRun, second: KernelRun): number {
  let refused = 0;
  for (const [index, transcript] of first.transcripts.entries()) {
    const again = second.transcripts[index]!;
    const problem =
      transcript.status !== 0 ? transcript.errors.join("; ") : transcript.text !== again.text ? "two boots gave different transcripts" : "";
    if (problem !== "") {
      refused++;
      process.stdout.write(`REFUSED ${transcript.name}: ${problem}\n`);
      continue;
    }
    writeFileSync(path.join(FOLDER, transcript.name, "transcript.txt"), transcript.text);
  }
  return refused;
}

/** The command lines of this run and of earlier ones, of machines that are not in this run. */
function commandLines(run: KernelRun): string[] {
  const earlier = existsSync(PROVENANCE) ? readFileSync(PROVENANCE, "utf8").matchAll(/^\| command line \| `(.*)` \|$/gm) : [];
  const machine = (line: string) => (line.match(/-smp \S+ -m \S+|no5lvl/g) ?? []).join(" ");
  const lines = new Map([...earlier].map((match) => [machine(match[1]!), match[1]!]));
  for (const line of run.commandLines) lines.set(machine(line), line);
  return [...lines.values()];
}

function provenance(run: KernelRun): string {
  const stub = readFileSync(path.join(FOLDER, "../stub/stub.elf"));
  const cases = readdirSync(FOLDER).filter((name) => existsSync(path.join(FOLDER, name, "transcript.txt")));
  return `# Where the transcripts come from

Every \`transcript.txt\` in this folder is what the controller (\`tools/oracle/\`) printed when it ran the case's \`script.pw\` on the kernel below,
verbatim. Each script was run in two boots, and only transcripts that were equal byte for byte were kept. They are in the form that
[docs/script.md](../../docs/script.md) defines; nothing in them was made by Pagewalk.

| | |
|---|---|
| kernel | Linux ${run.release}, Debian trixie's \`linux-image-${run.release}\`, fetched by \`tools/oracle/fetch-kernel.sh\`, unchanged |
| configuration | Debian's (in the package: \`boot/config-${run.release}\`); set by the controller: transparent huge pages \`never\`, \`lru_gen/enabled\` 0, \`vm.dirty_writeback_centisecs\` 0, \`vm.dirty_background_ratio\` 90, \`vm.dirty_ratio\` 95, read-ahead 128 kB; no swap but the zram areas of scripts; ASLR off by personality(2) |
| machine | QEMU, software emulation, as \`machine.json\` says: processors, memory, levels of page tables; an NVMe disk with ext4 |
${commandLines(run).map((line) => `| command line | \`${line}\` |`).join("\n")}
| disk | \`${MAKE_DISK.join(" ")} -O ^has_journal disk\` |
| program | \`golden/stub/stub.elf\`, sha256 \`${createHash("sha256").update(stub).digest("hex")}\`, started as root |
| date of the last recording | ${new Date().toISOString().slice(0, 10)} |
| cases | ${cases.length} |
| command | \`npm run golden:record -- --all\` |
`;
}

const args = process.argv.slice(2);
const cases = chosenCases(args);
if (cases.length === 0) fail("every case has a transcript; name cases, or --all");
const missing = whyNotKernel("qemu");
if (missing !== undefined) fail(`skipped: ${missing}`);
const scripts = cases.map((name) => ({
  name,
  text: readFileSync(path.join(FOLDER, name, "script.pw"), "utf8"),
  machine: machineOf(name),
}));
const first = await runAll(scripts, "first");
const second = await runAll(scripts, "second");
const refused = keepTranscripts(first, second);
writeFileSync(PROVENANCE, provenance(first));
process.stdout.write(`${cases.length - refused} recorded, ${refused} refused\n`);
process.exitCode = refused > 0 ? 1 : 0;
