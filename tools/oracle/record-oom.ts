/**
 * `npm run oom:record -- [CASE…]`: runs the situations of golden/oom on Debian's 6.12 in QEMU and keeps what the kernel printed, verbatim, as
 * transcript.txt beside each script. Every situation runs in two boots; one whose victims differ is not kept. Without arguments all that have
 * no transcript yet; `--all` is all. Situations of the whole machine are those whose name begins with global-: they have 256 MiB.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { KernelMachine, KernelRun, KernelScript } from "../../src/hosts/oracle/kernel-run.ts";
import { runOnKernel, whyNotKernel } from "../../src/hosts/oracle/run-on-kernel.ts";

const FOLDER = fileURLToPath(new URL("../../golden/oom", import.meta.url));
/** Scripts in one boot at most: a virtual machine that dies takes only these with it. */
const MOST_IN_A_BOOT = 9;
const MEBIBYTE = 1048576;

function fail(message: string): never {
  process.stderr.write(`oom:record: ${message}\n`);
  process.exit(1);
}

function chosenCases(args: readonly string[]): string[] {
  const cases = readdirSync(FOLDER).filter((name) => existsSync(path.join(FOLDER, name, "script.pw")));
  const named = args.filter((arg) => !arg.startsWith("--"));
  for (const name of named) if (!cases.includes(name)) fail(`there is no case ${name} with a script.pw`);
  if (named.length > 0) return named;
  return args.includes("--all") ? cases : cases.filter((name) => !existsSync(path.join(FOLDER, name, "transcript.txt")));
}

function scriptOf(name: string): KernelScript {
  const machine: KernelMachine = {
    cpus: 1,
    memoryBytes: (name.startsWith("global-") ? 256 : 512) * MEBIBYTE,
    levels: 4,
    pressure: { policy: "classic", swapIops: 0 },
  };
  return { name, text: readFileSync(path.join(FOLDER, name, "script.pw"), "utf8"), machine };
}

/** Boots as often as it takes for all scripts, and once more for each. */
async function runAll(scripts: readonly KernelScript[]): Promise<KernelRun[]> {
  const runs: KernelRun[] = [];
  for (let first = 0; first < scripts.length; first += MOST_IN_A_BOOT) {
    const some = scripts.slice(first, first + MOST_IN_A_BOOT);
    runs.push(await runOnKernel(some, { kernel: "qemu" }).catch((error: unknown) => fail(String(error))));
    process.stdout.write(`${Math.min(first + MOST_IN_A_BOOT, scripts.length)} of ${scripts.length} done\n`);
  }
  return runs;
}

/** Who was killed, in order. */
function victims(text: string): string {
  return [...text.matchAll(/Killed process (\S+) /g)].map((match) => match[1]).join(" ");
}

function provenance(run: KernelRun): string {
  const cases = readdirSync(FOLDER).filter((name) => existsSync(path.join(FOLDER, name, "transcript.txt")));
  return `# Where the situations come from

Every \`transcript.txt\` is what the controller (\`tools/oracle/\`) printed when it ran the situation's \`script.pw\` on the kernel below, verbatim,
in the form that [docs/script.md](../../docs/script.md) defines; nothing in them was made by Pagewalk. Each script was run in two boots, and
only those were kept whose victims were the same.

| | |
|---|---|
| kernel | Linux ${run.release}, Debian trixie's \`linux-image-${run.release}\`, fetched by \`tools/oracle/fetch-kernel.sh\`, unchanged |
| machine | QEMU, software emulation, one processor; 512 MiB, for \`global-*\` 256 MiB |
| set | transparent huge pages \`never\`, \`lru_gen/enabled\` 0; else the kernel's defaults. The controller itself has oom_score_adj -1000 |
| cases | ${cases.length} |
| date of the last recording | ${new Date().toISOString().slice(0, 10)} |
| command | \`npm run oom:record -- --all\` |
`;
}

const cases = chosenCases(process.argv.slice(2));
if (cases.length === 0) fail("every case has a transcript; name cases, or --all");
const missing = whyNotKernel("qemu");
if (missing !== undefined) fail(`skipped: ${missing}`);
const scripts = cases.map(scriptOf);
const runs = await runAll(scripts);
const again = (await runAll(scripts)).flatMap((run) => run.transcripts);
let refused = 0;
for (const transcript of runs.flatMap((run) => run.transcripts)) {
  const second = again.find(({ name }) => name === transcript.name)!;
  const isSame = victims(transcript.text) === victims(second.text);
  if (transcript.status !== 0 || !isSame) {
    refused++;
    const why = transcript.status === 0 ? `${victims(transcript.text)} / ${victims(second.text)}` : transcript.errors.join("; ");
    process.stdout.write(`REFUSED ${transcript.name}: ${why}\n`);
    continue;
  }
  writeFileSync(path.join(FOLDER, transcript.name, "transcript.txt"), transcript.text);
}
writeFileSync(path.join(FOLDER, "PROVENANCE.md"), provenance(runs[0]!));
process.stdout.write(`${cases.length - refused} recorded, ${refused} refused\n`);
process.exitCode = refused > 0 ? 1 : 0;
