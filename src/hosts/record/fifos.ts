/**
 * One named pipe for each process that may come to be. Valgrind opens its log by a name made from the process id, at the
 * start of a program and in a forked child; a pipe of that name must be there before. Process ids are given out in order,
 * so the next few thousand are kept ready, and more are made as they are used up.
 * Doc: man 7 fifo, man 5 proc (/proc/loadavg, its last field)
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** A directory of pipes. */
export interface Fifos {
  readonly directory: string;
  /** Makes pipes for the process ids that come next. */
  readonly refresh: () => void;
  /** Opens the pipe of a process for reading; undefined when the process came too soon and valgrind made a plain file. */
  readonly open: (pid: number) => number | undefined;
  /** Removes everything. */
  readonly remove: () => void;
}

/** Pipes kept ready ahead of the last process id, and how many may be used up before more are made. */
const AHEAD = 4096;
const SLACK = 2048;
/** Linux starts again here after the highest id. */
const FIRST_AGAIN = 300;

/** Makes the directory and the first pipes. */
export function createFifos(): Fifos {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "pagewalk-"));
  const most = Number(fs.readFileSync("/proc/sys/kernel/pid_max", "utf8"));
  let made = lastPid();
  const refresh = (): void => {
    const last = lastPid();
    const isAhead = made >= last ? made - last : made + most - last;
    if (isAhead > AHEAD - SLACK && isAhead <= AHEAD) return;
    const names: string[] = [];
    let pid = isAhead > AHEAD ? last : made;
    for (let left = AHEAD - (isAhead > AHEAD ? 0 : isAhead); left > 0; left--) {
      pid = pid + 1 >= most ? FIRST_AGAIN : pid + 1;
      const name = path.join(directory, String(pid));
      if (!fs.existsSync(name)) names.push(name);
    }
    made = pid;
    if (names.length > 0) execFileSync("mkfifo", names);
  };
  const open = (pid: number): number | undefined => {
    const name = path.join(directory, String(pid));
    if (!fs.statSync(name, { throwIfNoEntry: false })?.isFIFO()) return undefined;
    return fs.openSync(name, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  };
  refresh();
  return { directory, refresh, open, remove: () => fs.rmSync(directory, { recursive: true, force: true }) };
}

function lastPid(): number {
  return Number(fs.readFileSync("/proc/loadavg", "utf8").trim().split(" ").at(-1));
}
