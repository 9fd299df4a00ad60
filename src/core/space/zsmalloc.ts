/**
 * zsmalloc: memory for compressed pages. Objects of about one size lie side by side in a group of up to eight frames (a
 * zspage), across the borders between frames, so that hardly anything of the group is wasted.
 *
 *   class of 1360 bytes     |--obj--|--obj--|--o|bj--|--obj--|--obj-|-…     3 objects a frame would fit without crossing: here
 *                           |    frame 0        |     frame 1       | …     chains are as long as leaves the least behind
 *
 * Size classes are 16 bytes apart; those of equal chains with equally many objects are one. A class keeps its groups on lists by
 * how full they are, and fills the fullest first; an empty one is given back at once. Compaction moves the objects of the
 * emptiest groups to the fullest.
 *
 * Who wants room asks `zsPut`; where there is none, takes `zsChainOf` frames and hands them over with `zsAddGroup`.
 * Differs: an object has no place of its own in its group; compaction takes the youngest first, not the first by address. What
 * handles and descriptors of groups take (slab) is not modelled.
 * Linux: mm/zsmalloc.c (6.12)   Doc: Documentation/mm/zsmalloc.rst
 */
import { bug } from "../base/bug.ts";
import { NONE, PAGE_SIZE, type Pfn } from "../base/types.ts";
import { FLAGS, INDEX, PAGE_WORDS, PG_ZONE_SHIFT, PRIVATE } from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import type { FrameState } from "../frame/state.ts";
import { NR_ZONE_ITEMS, NR_ZSPAGES, sumZoneItem } from "../frame/vmstat.ts";
import type { SpaceState } from "./state.ts";
import type { ZsmallocColumns } from "./swap-state.ts";

/** Word offsets in an object's record: its group, its neighbours there, bytes and flags, and what owners keep of it. */
const OBJ_ZSPAGE = 0;
const OBJ_NEXT = 1;
const OBJ_PREV = 2;
export const OBJ_LENGTH = 3;
export const OBJ_OWNER = 4;
export const OBJ_LRU_NEXT = 5;
export const OBJ_LRU_PREV = 6;
export const OBJ_LRUVEC = 7;
export const OBJ_WORDS = 8;

/** Word offsets in a group's record: pool * classes + class, objects in it, its list, its neighbours there, first object, first frame. */
const ZSP_CLASS = 0;
const ZSP_INUSE = 1;
const ZSP_FULLNESS = 2;
const ZSP_NEXT = 3;
const ZSP_PREV = 4;
const ZSP_OBJECTS = 5;
const ZSP_PFN = 6;
const ZSP_WORDS = 8;

/** Pools: one for each compressor zswap can have, and one for each zram device. */
export const ZS_POOLS = 16;
/** Most frames of a group (CONFIG_ZSMALLOC_CHAIN_SIZE); bytes that lead an object; smallest object and distance of classes. */
const ZS_CHAIN_SIZE = 8;
const HANDLE_BYTES = 8;
const LEAST_BYTES = 32;
const CLASS_DELTA = 16;
const CLASSES = (PAGE_SIZE - LEAST_BYTES) / CLASS_DELTA + 1;
/** Lists of a class: empty, up to 10 %, 20 %, … 99 %, full. */
const FULLNESS_EMPTY = 0;
const FULLNESS_FULL = 11;
const NR_FULLNESS = 12;
const MOST_OBJECTS = 1 << 22;
/** `rows`, and the two halves of `objects`. */
const OBJECT_ROWS = 0;
const OBJECT_FREE = 1;
const GROUP_ROWS = 2;
const GROUP_FREE = 3;
const ROOM = 0;
const INUSE = 1;

/** By size class: the class it is merged into, and of that one the frames and objects of a group. */
interface Classes {
  readonly merged: Uint8Array;
  readonly frames: Uint8Array;
  readonly objects: Uint16Array;
}

const CLASS: Classes = mergeClasses();
const HUGE_BYTES = hugeBytes();

/** Empty pools. */
export function createZsmalloc(nrFrames: number): ZsmallocColumns {
  return {
    object: new Int32Array(MOST_OBJECTS * OBJ_WORDS),
    zspage: new Int32Array(Math.min(nrFrames + 1, MOST_OBJECTS) * ZSP_WORDS),
    head: new Int32Array(ZS_POOLS * CLASSES * NR_FULLNESS),
    objects: new Int32Array(ZS_POOLS * CLASSES * 2),
    pages: new Float64Array(ZS_POOLS),
    compacted: new Float64Array(ZS_POOLS),
    rows: Int32Array.of(1, NONE, 1, NONE),
    scratch: new Uint8Array(PAGE_SIZE),
    taken: new Int32Array(ZS_CHAIN_SIZE),
  };
}

/**
 * Bytes from which on an object takes as much memory as a whole page: those of the largest class that has several objects in several
 * frames, without their handle (Linux: zs_huge_class_size).
 */
export function zsHugeBytes(): number {
  return HUGE_BYTES;
}

/** Frames of a group for objects of so many bytes. */
export function zsChainOf(bytes: number): number {
  return CLASS.frames[classOf(bytes)];
}

/** Room for an object of 1 to 4096 bytes in the fullest group that has some. Returns the object, or NONE: a group is needed. */
export function zsPut(k: SpaceState, pool: number, bytes: number): number {
  const z = k.zsmalloc;
  const row = pool * CLASSES + classOf(bytes);
  for (let fullness = FULLNESS_FULL - 1; fullness >= FULLNESS_EMPTY; fullness--) {
    const group = z.head[row * NR_FULLNESS + fullness];
    if (group === NONE) continue;
    const object = takeObject(z);
    if (object === NONE) return NONE;
    z.object[object * OBJ_WORDS + OBJ_LENGTH] = bytes;
    z.objects[row * 2 + INUSE]++;
    attach(z, object, group);
    settle(z, group);
    return object;
  }
  return NONE;
}

/**
 * Makes frames a group for objects of so many bytes; the first zsChainOf(bytes) of `pfns` are it. Returns false when there
 * is no row for it: the frames are still the caller's.
 */
export function zsAddGroup(k: SpaceState, pool: number, bytes: number, pfns: Int32Array): boolean {
  const z = k.zsmalloc;
  const type = classOf(bytes);
  const group = takeGroup(z);
  if (group === NONE) return false;
  const frames = CLASS.frames[type];
  for (let i = 0; i < frames; i++) {
    const record = pfns[i] * PAGE_WORDS;
    k.page[record + PRIVATE] = group;
    k.page[record + INDEX] = i + 1 < frames ? pfns[i + 1] : NONE;
    countFrame(k, pfns[i], 1);
  }
  const at = group * ZSP_WORDS;
  z.zspage[at + ZSP_CLASS] = pool * CLASSES + type;
  z.zspage[at + ZSP_INUSE] = 0;
  z.zspage[at + ZSP_OBJECTS] = NONE;
  z.zspage[at + ZSP_PFN] = pfns[0];
  z.pages[pool] += frames;
  z.objects[(pool * CLASSES + type) * 2 + ROOM] += CLASS.objects[type];
  insert(z, group, FULLNESS_EMPTY);
  return true;
}

/** Gives an object back, and its group's frames when it was the last one there. */
export function zsFree(k: SpaceState, object: number): void {
  const z = k.zsmalloc;
  const group = z.object[object * OBJ_WORDS + OBJ_ZSPAGE];
  z.objects[z.zspage[group * ZSP_WORDS + ZSP_CLASS] * 2 + INUSE]--;
  detach(z, object);
  if (settle(z, group) === FULLNESS_EMPTY) freeGroup(k, group);
  z.object.fill(0, object * OBJ_WORDS, (object + 1) * OBJ_WORDS);
  z.object[object * OBJ_WORDS + OBJ_NEXT] = z.rows[OBJECT_FREE];
  z.rows[OBJECT_FREE] = object;
}

/** The pool that an object is in. */
export function zsPoolOf(k: SpaceState, object: number): number {
  const z = k.zsmalloc;
  return Math.floor(z.zspage[z.object[object * OBJ_WORDS + OBJ_ZSPAGE] * ZSP_WORDS + ZSP_CLASS] / CLASSES);
}

/** Frames that compaction of a pool could free (Linux: zs_shrinker_count). */
export function zsCanCompact(k: SpaceState, pool: number): number {
  let frames = 0;
  for (let type = CLASSES - 1; type >= 0; type--)
    if (CLASS.merged[type] === type) frames += freeable(k.zsmalloc, pool * CLASSES + type);
  return frames;
}

/** Moves objects together. Returns the frames that are free now (Linux: zs_compact). */
export function zsCompact(k: SpaceState, pool: number): number {
  const z = k.zsmalloc;
  if (z.pages[pool] === 0) return 0;
  let freed = 0;
  for (let type = CLASSES - 1; type >= 0; type--)
    if (CLASS.merged[type] === type) freed += compactClass(k, pool * CLASSES + type);
  z.compacted[pool] += freed;
  return freed;
}

/** Bug when a group's objects, a class's groups or the counts of frames do not add up. */
export function checkZsmalloc(k: SpaceState): void {
  const z = k.zsmalloc;
  let frames = 0;
  for (let row = 0; row < ZS_POOLS * CLASSES; row++) {
    let inuse = 0;
    let room = 0;
    for (let fullness = FULLNESS_EMPTY; fullness < NR_FULLNESS; fullness++)
      for (let group = z.head[row * NR_FULLNESS + fullness]; group !== NONE; ) {
        const at = group * ZSP_WORDS;
        let objects = 0;
        for (let object = z.zspage[at + ZSP_OBJECTS]; object !== NONE; objects++) {
          if (z.object[object * OBJ_WORDS + OBJ_ZSPAGE] !== group)
            bug(`object ${object} is not in group ${group}`);
          object = z.object[object * OBJ_WORDS + OBJ_NEXT];
        }
        if (objects !== z.zspage[at + ZSP_INUSE] || fullnessOf(z, group) !== fullness)
          bug(`group ${group} has ${objects} objects and is on list ${fullness}`);
        for (let pfn = z.zspage[at + ZSP_PFN]; pfn !== NONE; frames++) {
          if (k.page[pfn * PAGE_WORDS + PRIVATE] !== group) bug(`frame ${pfn} is not of group ${group}`);
          pfn = k.page[pfn * PAGE_WORDS + INDEX];
        }
        inuse += objects;
        room += CLASS.objects[row % CLASSES];
        group = z.zspage[at + ZSP_NEXT];
      }
    if (inuse !== z.objects[row * 2 + INUSE] || room !== z.objects[row * 2 + ROOM])
      bug(`class ${row} has ${inuse} objects and room for ${room}`);
  }
  const counted = z.pages.reduce((sum, pages) => sum + pages, 0);
  if (frames !== counted || frames !== sumZoneItem(k.vmstat, NR_ZSPAGES))
    bug(`${frames} frames hold compressed pages, pools count ${counted}`);
}

/** The size class, merged, of an object with the handle that leads it. */
function classOf(bytes: number): number {
  const over = Math.max(0, bytes + HANDLE_BYTES - LEAST_BYTES);
  return CLASS.merged[Math.min(CLASSES - 1, Math.ceil(over / CLASS_DELTA))];
}

/** All classes from the largest down; one with the chain and the objects of the one before it is that one. */
function mergeClasses(): Classes {
  const found: Classes = {
    merged: new Uint8Array(CLASSES),
    frames: new Uint8Array(CLASSES),
    objects: new Uint16Array(CLASSES),
  };
  let last = -1;
  for (let type = CLASSES - 1; type >= 0; type--) {
    const bytes = LEAST_BYTES + type * CLASS_DELTA;
    const frames = chainLength(bytes);
    const objects = Math.floor((frames * PAGE_SIZE) / bytes);
    const isSame = last >= 0 && found.frames[last] === frames && found.objects[last] === objects;
    if (!isSame) last = type;
    found.merged[type] = last;
    found.frames[type] = frames;
    found.objects[type] = objects;
  }
  return found;
}

function hugeBytes(): number {
  let type = CLASSES - 1;
  while (CLASS.frames[type] === 1 || CLASS.objects[type] === 1) type--;
  return LEAST_BYTES + type * CLASS_DELTA - (HANDLE_BYTES - 1);
}

/** Frames of which objects of this size leave the least (Linux: calculate_zspage_chain_size). */
function chainLength(bytes: number): number {
  if (2 ** Math.round(Math.log2(bytes)) === bytes) return 1;
  let best = 1;
  for (let frames = 2; frames <= ZS_CHAIN_SIZE; frames++)
    if ((frames * PAGE_SIZE) % bytes < (best * PAGE_SIZE) % bytes) best = frames;
  return best;
}

/** Frames that would be free if the objects of a class lay close together (Linux: zs_can_compact). */
function freeable(z: ZsmallocColumns, row: number): number {
  const type = row % CLASSES;
  const spare = z.objects[row * 2 + ROOM] - z.objects[row * 2 + INUSE];
  return Math.floor(Math.max(0, spare) / CLASS.objects[type]) * CLASS.frames[type];
}

/** Empties the emptiest groups of a class into the fullest (Linux: __zs_compact). */
function compactClass(k: SpaceState, row: number): number {
  const z = k.zsmalloc;
  let freed = 0;
  let target = NONE;
  while (freeable(z, row) > 0) {
    if (target === NONE) target = takePartial(z, row, FULLNESS_FULL - 1, -1);
    const source = target === NONE ? NONE : takePartial(z, row, FULLNESS_EMPTY + 1, 1);
    if (source === NONE) break;
    while (fullnessOf(z, target) !== FULLNESS_FULL && z.zspage[source * ZSP_WORDS + ZSP_INUSE] !== 0) {
      const object = z.zspage[source * ZSP_WORDS + ZSP_OBJECTS];
      detach(z, object);
      attach(z, object, target);
    }
    insert(z, source, fullnessOf(z, source));
    if (z.zspage[source * ZSP_WORDS + ZSP_INUSE] === 0) {
      freed += CLASS.frames[row % CLASSES];
      freeGroup(k, source);
    }
    if (fullnessOf(z, target) !== FULLNESS_FULL) continue;
    insert(z, target, FULLNESS_FULL);
    target = NONE;
  }
  if (target !== NONE) insert(z, target, fullnessOf(z, target));
  return freed;
}

/** Takes a group that is neither empty nor full off its list, searching from a list upwards or downwards. */
function takePartial(z: ZsmallocColumns, row: number, first: number, step: number): number {
  for (let fullness = first; fullness > FULLNESS_EMPTY && fullness < FULLNESS_FULL; fullness += step) {
    const group = z.head[row * NR_FULLNESS + fullness];
    if (group === NONE) continue;
    remove(z, group);
    return group;
  }
  return NONE;
}

/** Gives the frames of an empty group back. */
function freeGroup(k: SpaceState, group: number): void {
  const z = k.zsmalloc;
  const at = group * ZSP_WORDS;
  const row = z.zspage[at + ZSP_CLASS];
  const type = row % CLASSES;
  remove(z, group);
  z.objects[row * 2 + ROOM] -= CLASS.objects[type];
  z.pages[Math.floor(row / CLASSES)] -= CLASS.frames[type];
  for (let pfn: Pfn = z.zspage[at + ZSP_PFN]; pfn !== NONE; ) {
    const next = k.page[pfn * PAGE_WORDS + INDEX];
    k.page[pfn * PAGE_WORDS + PRIVATE] = 0;
    k.page[pfn * PAGE_WORDS + INDEX] = 0;
    countFrame(k, pfn, -1);
    freePage(k, pfn);
    pfn = next;
  }
  z.zspage.fill(0, at, at + ZSP_WORDS);
  z.zspage[at + ZSP_NEXT] = z.rows[GROUP_FREE];
  z.rows[GROUP_FREE] = group;
}

function countFrame(k: FrameState, pfn: Pfn, by: number): void {
  k.vmstat.zone[(k.page[pfn * PAGE_WORDS + FLAGS] >>> PG_ZONE_SHIFT) * NR_ZONE_ITEMS + NR_ZSPAGES] += by;
}

/** How full a group is, as the number of its list (Linux: get_fullness_group). */
function fullnessOf(z: ZsmallocColumns, group: number): number {
  const inuse = z.zspage[group * ZSP_WORDS + ZSP_INUSE];
  const most = CLASS.objects[z.zspage[group * ZSP_WORDS + ZSP_CLASS] % CLASSES];
  if (inuse === 0) return FULLNESS_EMPTY;
  return inuse === most ? FULLNESS_FULL : Math.floor(Math.floor((100 * inuse) / most) / 10) + 1;
}

/** Puts a group on the list that fits it, if it is on another. Returns the list. */
function settle(z: ZsmallocColumns, group: number): number {
  const fullness = fullnessOf(z, group);
  if (fullness !== z.zspage[group * ZSP_WORDS + ZSP_FULLNESS]) {
    remove(z, group);
    insert(z, group, fullness);
  }
  return fullness;
}

/** Puts a group first on a list. */
function insert(z: ZsmallocColumns, group: number, fullness: number): void {
  const at = group * ZSP_WORDS;
  const list = z.zspage[at + ZSP_CLASS] * NR_FULLNESS + fullness;
  const first = z.head[list];
  z.zspage[at + ZSP_FULLNESS] = fullness;
  z.zspage[at + ZSP_NEXT] = first;
  z.zspage[at + ZSP_PREV] = NONE;
  if (first !== NONE) z.zspage[first * ZSP_WORDS + ZSP_PREV] = group;
  z.head[list] = group;
}

function remove(z: ZsmallocColumns, group: number): void {
  const at = group * ZSP_WORDS;
  const next = z.zspage[at + ZSP_NEXT];
  const prev = z.zspage[at + ZSP_PREV];
  if (next !== NONE) z.zspage[next * ZSP_WORDS + ZSP_PREV] = prev;
  if (prev !== NONE) z.zspage[prev * ZSP_WORDS + ZSP_NEXT] = next;
  else z.head[z.zspage[at + ZSP_CLASS] * NR_FULLNESS + z.zspage[at + ZSP_FULLNESS]] = next;
}

/** Makes an object part of a group; the caller sees to the group's list. */
function attach(z: ZsmallocColumns, object: number, group: number): void {
  const at = object * OBJ_WORDS;
  const first = z.zspage[group * ZSP_WORDS + ZSP_OBJECTS];
  z.object[at + OBJ_ZSPAGE] = group;
  z.object[at + OBJ_NEXT] = first;
  z.object[at + OBJ_PREV] = NONE;
  if (first !== NONE) z.object[first * OBJ_WORDS + OBJ_PREV] = object;
  z.zspage[group * ZSP_WORDS + ZSP_OBJECTS] = object;
  z.zspage[group * ZSP_WORDS + ZSP_INUSE]++;
}

function detach(z: ZsmallocColumns, object: number): void {
  const at = object * OBJ_WORDS;
  const group = z.object[at + OBJ_ZSPAGE];
  const next = z.object[at + OBJ_NEXT];
  const prev = z.object[at + OBJ_PREV];
  if (next !== NONE) z.object[next * OBJ_WORDS + OBJ_PREV] = prev;
  if (prev !== NONE) z.object[prev * OBJ_WORDS + OBJ_NEXT] = next;
  else z.zspage[group * ZSP_WORDS + ZSP_OBJECTS] = next;
  z.zspage[group * ZSP_WORDS + ZSP_INUSE]--;
}

function takeObject(z: ZsmallocColumns): number {
  return takeRow(z.rows, OBJECT_ROWS, z.object, OBJ_WORDS, OBJ_NEXT);
}

function takeGroup(z: ZsmallocColumns): number {
  return takeRow(z.rows, GROUP_ROWS, z.zspage, ZSP_WORDS, ZSP_NEXT);
}

/** A row of a table: the last one given back, else the first never used, of which `rows` has the number at `first`; NONE: all are in use. */
function takeRow(rows: Int32Array, first: number, table: Int32Array, words: number, next: number): number {
  const free = rows[first + 1];
  if (free !== NONE) {
    rows[first + 1] = table[free * words + next];
    return free;
  }
  return rows[first] * words < table.length ? rows[first]++ : NONE;
}
