/**
 * What a run on a real kernel needs from this machine: programs, the C sources of the controller, a cache directory for what is built from
 * them. Everything is looked for; what is missing is a reason to skip, never a failure.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Where programs are looked for besides PATH: an ordinary user's PATH has no sbin. */
const MORE_DIRECTORIES = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The C compiler's flags, those of tools/oracle/Makefile. */
const CONTROLLER_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-static"];
const STUB_FLAGS = [
  "-nostdlib",
  "-static",
  "-Wl,--oformat=binary",
  "-Wl,-Ttext=0x400000",
  "-Wl,--build-id=none",
];

/** Either a value, or why there is none. */
export type Found<T> = { readonly value: T; readonly missing?: undefined } | { readonly missing: string };

/** The path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  for (const directory of [...(process.env.PATH ?? "").split(":"), ...MORE_DIRECTORIES]) {
    const file = path.join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  return undefined;
}

/** What is built and fetched is kept here: $PAGEWALK_CACHE, $XDG_CACHE_HOME/pagewalk or ~/.cache/pagewalk; without a home, a place in /tmp. */
export function cacheDirectory(): string {
  const chosen = process.env.PAGEWALK_CACHE;
  if (chosen !== undefined) return chosen;
  const home = existsSync(homedir())
    ? path.join(homedir(), ".cache")
    : path.join(tmpdir(), `cache-${process.getuid?.()}`);
  return path.join(process.env.XDG_CACHE_HOME ?? home, "pagewalk");
}

/** A new directory in the cache that the caller removes. Those of processes that were killed are removed here. */
export function scratchDirectory(): string {
  const cache = cacheDirectory();
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const owner = /^run-(\d+)-/.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner)))
      rmSync(path.join(cache, name), { recursive: true, force: true });
  }
  return mkdtempSync(path.join(cache, `run-${process.pid}-`));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** The controller and the stub, built. */
export interface Runner {
  readonly controller: string;
  readonly stub: string;
}

/** Builds the controller and the stub, unless the cache has them already from the same sources. */
export function buildRunner(): Found<Runner> {
  const sources = sourceDirectory();
  if (sources === undefined) return { missing: "the sources of the controller (tools/oracle) are not here" };
  const files = ["controller", "stub"].flatMap((folder) =>
    readdirSync(path.join(sources, folder))
      .sort()
      .map((name) => path.join(sources, folder, name)),
  );
  const key = createHash("sha256");
  for (const file of files) key.update(path.basename(file)).update(readFileSync(file));
  const built = path.join(cacheDirectory(), `runner-${key.digest("hex").slice(0, 16)}`);
  const runner = { controller: path.join(built, "controller"), stub: path.join(built, "stub.elf") };
  if (existsSync(built)) return { value: runner };
  const compiler = findProgram("gcc") ?? findProgram("cc");
  if (compiler === undefined) return { missing: "there is no C compiler (gcc)" };
  const problem = compileRunner(compiler, files, built);
  return problem === undefined ? { value: runner } : { missing: problem };
}

/** Compiles into a scratch directory that gets its name when all is there. Returns what went wrong, if anything did. */
function compileRunner(compiler: string, files: readonly string[], built: string): string | undefined {
  const scratch = scratchDirectory();
  const controller = files.filter((file) => file.endsWith(".c"));
  const stub = files.filter((file) => file.endsWith(".S"));
  const commands = [
    [...CONTROLLER_FLAGS, "-o", path.join(scratch, "controller"), ...controller],
    [...STUB_FLAGS, "-o", path.join(scratch, "stub.elf"), ...stub],
  ];
  for (const args of commands) {
    const result = spawnSync(compiler, args, { encoding: "utf8" });
    if (result.status === 0) continue;
    rmSync(scratch, { recursive: true });
    return `the controller does not compile: ${(result.stderr ?? "").split("\n")[0]}`;
  }
  try {
    renameSync(scratch, built);
  } catch {
    // Somebody else built the same meanwhile.
    rmSync(scratch, { recursive: true });
  }
  return undefined;
}

/** tools/oracle of this package: above this file, be that the source or the bundle. */
function sourceDirectory(): string | undefined {
  let directory = path.dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const sources = path.join(directory, "tools", "oracle");
    if (existsSync(path.join(sources, "controller", "main.c"))) return sources;
    const parent = path.dirname(directory);
    if (parent === directory) return undefined;
    directory = parent;
  }
}
