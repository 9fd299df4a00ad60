/**
 * What process 1 has in memory when the first program starts. It never runs, so that its pages are the coldest there are: where
 * anything is swapped out, they are among the first. The machine file says how many there are (`init`).
 * Linux: init/main.c (6.12)   Doc: Documentation/admin-guide/init.rst
 */
import { bug } from "../base/bug.ts";
import { NONE, PAGE_SIZE, type Task } from "../base/types.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import { setFill } from "../hw/ram.ts";
import { lruAddDrain } from "../space/lruvec.ts";
import { initTask } from "../space/task.ts";
import { access } from "../vm/access.ts";
import { createMm } from "../vm/mm-create.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE } from "../vm/mman.ts";
import { doMmap } from "../vm/mmap.ts";
import type { AbiState } from "./state.ts";

/** A word that is not zero: a page of zeros would not be written to swap. */
const SOMETHING = 1;

/** Gives init its anonymous memory and what it shares. Takes no time: it was there before the machine was handed over. */
export function giveInitMemory(k: AbiState): void {
  const { anonBytes, sharedBytes } = k.machine.init;
  if (anonBytes + sharedBytes === 0) return;
  const init = initTask(k);
  k.task.mm[init] = createMm(k);
  const { ns, spent } = k.clock;
  const before = { ns: ns.slice(), spent: spent.slice() };
  fillMapping(k, init, anonBytes, MAP_PRIVATE);
  fillMapping(k, init, sharedBytes, MAP_SHARED);
  lruAddDrain(k);
  ns.set(before.ns);
  spent.set(before.spent);
}

/** Maps so many bytes and stores to every page of them. */
function fillMapping(k: AbiState, task: Task, bytes: number, kind: number): void {
  if (bytes === 0) return;
  const prot = PROT_READ | PROT_WRITE;
  const flags = kind | MAP_ANONYMOUS;
  const addr = doMmap(k, k.task.mm[task], { addr: 0, len: bytes, prot, flags, file: NONE, pgoff: 0 });
  if (addr < 0) bug(`init cannot map ${bytes} bytes (${addr})`);
  for (let vpn = addr / PAGE_SIZE; vpn < (addr + bytes) / PAGE_SIZE; vpn++) {
    if (access(k, task, vpn, ACCESS_STORE) !== 0) bug("init has no room for its memory");
    setFill(k, k.tlb.walk[0], SOMETHING);
  }
}
