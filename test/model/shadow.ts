/**
 * A plain shadow of what programs' memory must contain: an object a page, bytes that are copied eagerly, no sharing
 * tricks. Slow and obvious; the kernel is compared with it byte by byte.
 */
import { FAULT_SEGV_ACCERR, FAULT_SEGV_MAPERR, FAULT_SIGBUS } from "../../src/core/index.ts";

export const PAGE = 4096;
const PROT_WRITE = 2;

/** A file: its bytes, as long as its size, which is a multiple of the page size. */
export interface ShadowFile {
  bytes: Uint8Array;
}

/** One mapped page of an address space. */
export interface ShadowPage {
  prot: number;
  readonly file: ShadowFile | undefined;
  readonly index: number;
  readonly shared: boolean;
  /** The page's own bytes, once it has been written privately. */
  own: Uint8Array | undefined;
  /** Its own bytes may have become zeros since MADV_FREE, and no store has kept them from it. */
  isFreed?: boolean;
}

/** An address space: page number to page. */
export type ShadowSpace = Map<number, ShadowPage>;

/** A copy, as fork makes it: own bytes are copied, shared files stay shared. */
export function forkSpace(space: ShadowSpace): ShadowSpace {
  return new Map([...space].map(([vpn, page]) => [vpn, { ...page, own: page.own?.slice() }]));
}

/** What an access of one byte must give: the byte (loads), 0 (stores), or the signal. */
export function shadowAccess(space: ShadowSpace, addr: number, value: number | undefined): number {
  const page = space.get(Math.floor(addr / PAGE));
  if (page === undefined) return FAULT_SEGV_MAPERR;
  const isStore = value !== undefined;
  if (isStore ? (page.prot & PROT_WRITE) === 0 : page.prot === 0) return FAULT_SEGV_ACCERR;
  const { file } = page;
  if (file !== undefined && page.own === undefined && page.index * PAGE >= file.bytes.length) return FAULT_SIGBUS;
  const at = addr % PAGE;
  if (!isStore) return pageByte(page, at);
  if (page.shared && file !== undefined) {
    file.bytes[page.index * PAGE + at] = value;
  } else {
    page.own ??= snapshot(page);
    page.own[at] = value;
  }
  return 0;
}

function pageByte(page: ShadowPage, at: number): number {
  if (page.own !== undefined) return page.own[at]!;
  return page.file === undefined ? 0 : page.file.bytes[page.index * PAGE + at]!;
}

function snapshot(page: ShadowPage): Uint8Array {
  return Uint8Array.from({ length: PAGE }, (_, at) => pageByte(page, at));
}
