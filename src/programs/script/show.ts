/**
 * What `show` prints: the kernel's own files, read from outside the task, cut to what was asked for.
 * Doc: docs/script.md, section 10
 */
import { dmesgEnd, messages, type Task, takeMemoryEvents } from "../../core/index.ts";
import type { Expr, ShowAction, Word } from "./ast.ts";
import { cachedPages, fileInode, readPagemap, showSystem, showText, taskOf } from "./guest.ts";
import { groupDirectory, pressureTotals } from "./pressure.ts";
import { evaluate, markFaults, type Session, stop } from "./session.ts";
import {
  cachedLines,
  changeLine,
  fieldValues,
  kernelField,
  linesOf,
  maskMappings,
  memoryLines,
  namePids,
  pagemapLines,
  smapsBetween,
} from "./views.ts";

const PAGE = 4096;

/** Views that are about a task: of one that was killed they have no lines. */
const TASK_VIEWS: readonly string[] = [
  ...["maps", "smaps", "smaps_rollup", "status", "statm", "faults", "pagemap"],
];

/** Whether the view is about a task. */
export function isOfTask(view: ShowAction["view"]): boolean {
  return TASK_VIEWS.includes(view);
}

/** The lines of a view, about the task where it is about one. */
export function showLines(session: Session, task: Task, action: ShowAction): string[] {
  const { k } = session;
  switch (action.view) {
    case "maps":
    case "smaps_rollup":
      return maskMappings(linesOf(showText(k, task, action.view)));
    case "smaps":
      return smapsLines(session, task, action);
    case "status":
      return memoryLines(linesOf(showText(k, task, "status")));
    case "statm":
      return linesOf(showText(k, task, "statm"));
    case "faults":
      return faultLines(session, task);
    case "pagemap":
      return pagemapRange(session, task, action);
    case "cached": {
      const { pages, isCached } = cachedPages(k, fileInode(k, action.file.text));
      return cachedLines(pages, isCached);
    }
    case "vmstat":
    case "meminfo":
      return fieldLines(session, action.view, action.fields);
    case "swaps":
      return linesOf(showSystem(k, "/proc/swaps"))
        .slice(1)
        .map((line, index) => line.replace(/^\S+/, `swap${index + 1}`).replace(/\s+/g, " "));
    case "zram":
      return zramLines(session);
    case "pressure":
      return linesOf(
        showSystem(
          k,
          action.group === undefined
            ? "/proc/pressure/memory"
            : `${groupDirectory(k, action.group.text)}/memory.pressure`,
        ),
      );
    case "cgroup": {
      const lines = linesOf(showSystem(k, `${groupDirectory(k, action.group.text)}/${action.file}`));
      const names = action.fields.map(({ text }) => text);
      return names.length === 0 ? lines : lines.filter((line) => names.includes(line.split(" ")[0]!));
    }
    case "watched": {
      const watch = session.watches.get(action.watch.text);
      const events = watch === undefined ? 0 : takeMemoryEvents(k, watch);
      return [`${action.watch.text} ${events}`];
    }
    case "totals":
      return totalLines(session);
    case "dmesg": {
      const text = messages(k, session.seenMessages);
      session.seenMessages = dmesgEnd(k);
      return text === "" ? [] : linesOf(text).map((line) => namePids(line, session.taskNames));
    }
  }
}

/** The statistics of every zram device, blanks between numbers as one. */
function zramLines({ k }: Session): string[] {
  const lines: string[] = [];
  for (let device = 0; device < k.zram.count[0]!; device++)
    for (const file of ["mm_stat", "io_stat"])
      lines.push(
        `zram${device} ${file} ${showSystem(k, `/sys/block/zram${device}/${file}`).trim().replace(/\s+/g, " ")}`,
      );
  return lines;
}

/** Notes what the totals are when the script starts. */
export function noteTotals(session: Session): void {
  for (const [name, value] of totalsOf(session)) session.totals.set(name, value);
}

/** Each figure since the script's start; what is resident and cached as it is. */
function totalLines(session: Session): string[] {
  return [...totalsOf(session)].map(([name, value]) => {
    const isLevel = name === "rss" || name === "cache";
    return `${name} ${isLevel ? value : value - session.totals.get(name)!}`;
  });
}

function totalsOf(session: Session): Map<string, number> {
  // A row that is free keeps what its task has had; init has reaped that one.
  const { pid } = session.k.task;
  const tasks = [...session.tasks.values()].filter(
    (named) =>
      taskOf(session.k, named.pid) === named.task ||
      (pid[named.task] === 0 && !session.reaped.has(named.pid)),
  );
  const inodes = [...session.files].map((name) => fileInode(session.k, name));
  return pressureTotals(
    session.k,
    tasks.map(({ task }) => task),
    inodes,
  );
}

/** Notes the fields that a script will show, as they are when it starts: the first `show` gives the change since then. */
export function noteFields(session: Session): void {
  for (const { action } of session.script.statements) {
    if (action.kind === "show" && (action.view === "vmstat" || action.view === "meminfo")) {
      const values = fieldValues(showSystem(session.k, `/proc/${action.view}`));
      for (const field of action.fields) {
        const now = fieldOf(values, action.view, field);
        if (now !== undefined) session.seenFields.set(`${action.view} ${field.text}`, now);
      }
    }
  }
}

function smapsLines(
  session: Session,
  task: Task,
  action: { readonly address?: Expr; readonly length?: Expr },
): string[] {
  const lines = linesOf(showText(session.k, task, "smaps"));
  if (action.address === undefined) return maskMappings(lines);
  const start = evaluate(session, action.address);
  const length = action.length === undefined ? 1 : evaluate(session, action.length);
  return maskMappings(smapsBetween(lines, start, start + length));
}

function pagemapRange(
  session: Session,
  task: Task,
  action: { readonly address: Expr; readonly length: Expr },
): string[] {
  const address = evaluate(session, action.address);
  const length = evaluate(session, action.length);
  if (address < 0) stop(session, action.address.column, "expected an address of a program");
  if (length < 1) stop(session, action.length.column, `expected a length of at least 1, found ${length}`);
  if (session.error !== undefined) return [];
  const start = Math.floor(address / PAGE) * PAGE;
  const end = Math.ceil((address + length) / PAGE) * PAGE;
  return pagemapLines(session.regions, start, readPagemap(session.k, task, start, end));
}

function faultLines(session: Session, task: Task): string[] {
  const [minor, major] = session.seenFaults.get(task)!;
  const { minFlt, majFlt } = session.k.task;
  const lines = [`minor ${minFlt[task] - minor}`, `major ${majFlt[task] - major}`];
  markFaults(session, task);
  return lines;
}

function fieldLines(session: Session, view: "vmstat" | "meminfo", fields: readonly Word[]): string[] {
  const values = fieldValues(showSystem(session.k, `/proc/${view}`));
  const lines: string[] = [];
  for (const field of fields) {
    const now = fieldOf(values, view, field);
    if (now === undefined) {
      stop(session, field.column, `${view} has no field ${field.text}`);
      continue;
    }
    const key = `${view} ${field.text}`;
    lines.push(changeLine(field.text, now - (session.seenFields.get(key) ?? now)));
    session.seenFields.set(key, now);
  }
  return lines;
}

function fieldOf(
  values: ReadonlyMap<string, number>,
  view: "vmstat" | "meminfo",
  field: Word,
): number | undefined {
  return values.get(view === "meminfo" ? kernelField(field.text) : field.text);
}
