import fc from "fast-check";
import { expect, test } from "vitest";
import { ARENA, ARENA_ADDR, emptySpace, fixtureFile } from "../../../test/support/vma-layout.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import { checkVmas, VM_ACCESS_FLAGS, VM_SHARED, VM_SOFTDIRTY } from "../space/vma.ts";
import { checkCommitted } from "./accounting.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_NORESERVE, MAP_PRIVATE, MAP_SHARED } from "./mman.ts";
import { doMmap } from "./mmap.ts";
import { doMprotect } from "./mprotect.ts";
import { doMunmap } from "./munmap.ts";
import type { VmState } from "./state.ts";

const PAGES = 40;

/** What one page is in the plain model: permissions, file (0: anonymous), page of the file. */
interface PlainPage {
  prot: number;
  file: number;
  index: number;
  isShared: boolean;
}

type Plain = (PlainPage | undefined)[];

interface Step {
  kind: "anon" | "file" | "unmap" | "protect";
  at: number;
  pages: number;
  prot: number;
  fileNumber: number;
  index: number;
  isShared: boolean;
}

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom("anon", "file", "unmap", "protect", "protect"),
    at: fc.nat(PAGES - 1),
    pages: fc.integer({ min: 1, max: 12 }),
    prot: fc.nat(7),
    fileNumber: fc.nat(1),
    // Half of the mappings continue what the file's identity mapping began, so that neighbours can join.
    index: fc.oneof(fc.constant(-1), fc.nat(60)),
    isShared: fc.boolean(),
  }),
  { maxLength: 60 },
);

/** Does the step in the kernel. Returns its result. */
function perform(k: VmState, mm: number, files: readonly number[], step: Step): number {
  const addr = ARENA_ADDR + step.at * PAGE_SIZE;
  const len = step.pages * PAGE_SIZE;
  switch (step.kind) {
    case "anon":
      return doMmap(k, mm, {
        addr,
        len,
        prot: step.prot,
        file: NONE,
        pgoff: 0,
        flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (step.index === 7 ? MAP_NORESERVE : 0),
      });
    case "file":
      return doMmap(k, mm, {
        addr,
        len,
        prot: step.prot,
        file: files[step.fileNumber],
        pgoff: step.index < 0 ? step.at : step.index,
        flags: (step.isShared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED,
      });
    case "unmap":
      return doMunmap(k, mm, addr, len);
    default:
      return doMprotect(k, mm, addr, len, step.prot);
  }
}

/** Does the step on the plain pages, page by page. */
function performPlainly(plain: Plain, files: readonly number[], step: Step): void {
  for (let page = step.at; page < step.at + step.pages; page++) {
    const offset = page - step.at;
    const old = plain[page];
    if (step.kind === "unmap") plain[page] = undefined;
    else if (step.kind === "anon")
      plain[page] = { prot: step.prot, file: NONE, index: ARENA + page, isShared: false };
    else if (step.kind === "file") {
      plain[page] = {
        prot: step.prot,
        file: files[step.fileNumber],
        index: (step.index < 0 ? step.at : step.index) + offset,
        isShared: step.isShared,
      };
    } else if (old === undefined)
      return; // mprotect stops at a hole
    else plain[page] = { ...old, prot: step.prot };
  }
}

/** The pages as the VMAs say. */
function pagesOf(k: VmState, mm: number): Plain {
  const plain: Plain = Array.from({ length: PAGES + 12 }, () => undefined);
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma]) {
    const flags = k.vma.flags[vma];
    for (let vpn = k.vma.start[vma]; vpn < k.vma.end[vma]; vpn++) {
      plain[vpn - ARENA] = {
        prot: flags & VM_ACCESS_FLAGS,
        file: k.vma.file[vma],
        index: k.vma.pgoff[vma] + vpn - k.vma.start[vma],
        isShared: (flags & VM_SHARED) !== 0,
      };
    }
  }
  return plain;
}

/** Neighbours that could be one VMA: none may be left, for without anon_vmas Linux joins all of them. */
function joinable(k: VmState, mm: number): number {
  let count = 0;
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma]) {
    const next = k.vma.next[vma];
    if (next === NONE || k.vma.end[vma] !== k.vma.start[next] || k.vma.file[vma] !== k.vma.file[next])
      continue;
    if (((k.vma.flags[vma] ^ k.vma.flags[next]) & ~VM_SOFTDIRTY) !== 0) continue;
    if (k.vma.pgoff[vma] + k.vma.end[vma] - k.vma.start[vma] === k.vma.pgoff[next]) count++;
  }
  return count;
}

test("random maps, unmaps and protections leave every page as a plain array of pages has it, and nothing unjoined", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const { k, mm } = emptySpace();
      const files = [fixtureFile(k, "/a"), fixtureFile(k, "/b")];
      const plain: Plain = Array.from({ length: PAGES + 12 }, () => undefined);
      for (const step of sequence) {
        perform(k, mm, files, step);
        performPlainly(plain, files, step);
        expect(pagesOf(k, mm)).toEqual(plain);
        expect(joinable(k, mm)).toBe(0);
        checkVmas(k);
        checkCommitted(k);
      }
      const references = files.map((file) => k.file.refcount[file]);
      let mapped = 0;
      for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma])
        if (k.vma.file[vma] !== NONE) mapped++;
      expect(references[0] + references[1]).toBe(2 + mapped);
    }),
    { numRuns: 150 },
  );
});
