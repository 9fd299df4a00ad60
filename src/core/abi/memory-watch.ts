/**
 * Being told of what happens in a memory cgroup of version 1. A program makes an eventfd, opens the file that it is about,
 * writes "<eventfd> <file> <arguments>" into cgroup.event_control and reads the eventfd: how often it was told since.
 *
 *   memory.usage_in_bytes, memory.memsw.usage_in_bytes   "32M"                 usage has crossed it, up or down
 *   memory.oom_control                                   ""                    memory is out
 *   memory.pressure_level                                "medium,hierarchy"    reclaim frees too little
 *
 *   open and write: watchMemory        read: takeMemoryEvents        close: unwatchMemory
 *
 * Linux: mm/memcontrol-v1.c memcg_write_event_control, mm/vmpressure.c (6.12)
 * Doc: Documentation/admin-guide/cgroup-v1/memory.rst
 */
import { EINVAL, ENOENT, ENOMEM } from "../base/errno.ts";
import type { Memcg } from "../base/types.ts";
import { PRESSURE_LEVELS, PRESSURE_MODES } from "../reclaim/vmpressure.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import {
  addWatch,
  removeWatch,
  WATCH_MEMSW,
  WATCH_OOM,
  WATCH_PRESSURE,
  WATCH_USAGE,
  type WatchSpec,
} from "../space/memcg-watch.ts";
import { cgroupPath } from "./cgroup/directory.ts";
import { parseLimit } from "./cgroup/sizes.ts";
import { isUnderOom } from "./cgroup/v1.ts";
import type { AbiState } from "./state.ts";

/** What each file tells of. */
const KINDS: ReadonlyMap<string, number> = new Map([
  ["memory.usage_in_bytes", WATCH_USAGE],
  ["memory.memsw.usage_in_bytes", WATCH_MEMSW],
  ["memory.oom_control", WATCH_OOM],
  ["memory.pressure_level", WATCH_PRESSURE],
]);

/** Most that is read of the arguments of memory.pressure_level (Linux: MAX_VMPRESSURE_ARGS_LEN). */
const PRESSURE_BYTES = "critical".length + "hierarchy".length + 2;

/**
 * Binds a new eventfd to a file of a cgroup. Returns a number for the other two functions, or a negative errno: ENOENT no
 * such file, EINVAL a file that tells nothing, or arguments it does not understand, ENOMEM.
 */
export function watchMemory(k: AbiState, path: string, args: string): number {
  const place = cgroupPath(k, path);
  if (place === undefined || !isLegacy(k)) return -ENOENT;
  const kind = KINDS.get(place.rest);
  if (kind === undefined) return place.rest.includes("/") ? -ENOENT : -EINVAL;
  const spec = specOf(place.memcg, kind, args.trim());
  if (spec === undefined) return -EINVAL;
  const watch = addWatch(k, spec);
  if (watch === 0) return -ENOMEM;
  if (kind === WATCH_OOM && isUnderOom(k, place.memcg)) k.memcgWatch.signals[watch]++;
  return watch;
}

/** Reads the eventfd: the events since it was read last; 0 where the read would wait. */
export function takeMemoryEvents(k: AbiState, watch: number): number {
  const events = k.memcgWatch.signals[watch];
  k.memcgWatch.signals[watch] = 0;
  return events;
}

/** Closes the eventfd. */
export function unwatchMemory(k: AbiState, watch: number): void {
  removeWatch(k, watch);
}

/** What the arguments ask for, or undefined. */
function specOf(memcg: Memcg, kind: number, args: string): WatchSpec | undefined {
  if (kind === WATCH_OOM) return { memcg, kind, level: 0, mode: 0 };
  if (kind !== WATCH_PRESSURE) {
    const level = parseLimit(args);
    return level < 0 ? undefined : { memcg, kind, level, mode: 0 };
  }
  const [word = "", modeWord] = args.slice(0, PRESSURE_BYTES).split(",");
  const level = PRESSURE_LEVELS.indexOf(word);
  const mode = modeWord === undefined ? 0 : PRESSURE_MODES.indexOf(modeWord);
  return level < 0 || mode < 0 ? undefined : { memcg, kind, level, mode };
}
