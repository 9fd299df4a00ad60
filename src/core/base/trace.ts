/**
 * Tracepoints: one row per event, Linux's name and field order, written into a ring of words. An event that is off
 * costs one test of a mask word.
 * Linux: include/trace/events/kmem.h, vmscan.h, mmap.h, exceptions.h (6.12)   Doc: Documentation/trace/events-kmem.rst
 */

/** Ring of records: [event, a, b, c] words; `mask[0]` has bit N set when event N is on. */
export interface TraceColumns {
  readonly mask: Int32Array;
  readonly ring: Int32Array;
  /** [0] records written since boot. */
  readonly written: Float64Array;
  /** Virtual time of each record in the ring, in ns. */
  readonly timeNs: Float64Array;
}

export const TRACE_MM_PAGE_ALLOC = 0;
export const TRACE_MM_PAGE_FREE = 1;
export const TRACE_MM_PAGE_ALLOC_EXTFRAG = 2;
export const TRACE_PAGE_FAULT_USER = 3;

/** Name and field names of each event, by number. */
export const TRACE_EVENTS: readonly { readonly name: string; readonly fields: readonly string[] }[] = [
  { name: "mm_page_alloc", fields: ["pfn", "order", "migratetype"] },
  { name: "mm_page_free", fields: ["pfn", "order"] },
  { name: "mm_page_alloc_extfrag", fields: ["pfn", "alloc_order", "fallback_order"] },
  { name: "page_fault_user", fields: ["vpn_high", "vpn_low", "error_code"] },
];

const RING_RECORDS = 16384;

/** A ring with every event off. */
export function createTrace(): TraceColumns {
  return {
    mask: new Int32Array(1),
    ring: new Int32Array(RING_RECORDS * 4),
    written: new Float64Array(1),
    timeNs: new Float64Array(RING_RECORDS),
  };
}

/** Switches an event on or off. */
export function setTrace(trace: TraceColumns, event: number, on: boolean): void {
  trace.mask[0] = on ? trace.mask[0]! | (1 << event) : trace.mask[0]! & ~(1 << event);
}

/** What of the kernel a tracepoint needs: its ring, and the running CPU's clock. */
export interface TraceView {
  readonly trace: TraceColumns;
  readonly clock: { readonly ns: Float64Array };
}

/** Writes one record. The caller has tested the mask, so that an event that is off costs no call. */
export function emit(k: TraceView, event: number, a: number, b: number, c: number): void {
  const { ring, timeNs, written } = k.trace;
  const row = written[0]! % RING_RECORDS;
  ring[row * 4] = event;
  ring[row * 4 + 1] = a;
  ring[row * 4 + 2] = b;
  ring[row * 4 + 3] = c;
  timeNs[row] = k.clock.ns[0]!;
  written[0]!++;
}
