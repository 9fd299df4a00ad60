import { expect, test } from "vitest";
import {
  createTrace,
  emit,
  setTrace,
  TRACE_EVENTS,
  TRACE_MM_PAGE_ALLOC,
  TRACE_MM_PAGE_FREE,
} from "./trace.ts";

test("an event's bit in the mask is on after it was switched on, and off again", () => {
  const trace = createTrace();
  setTrace(trace, TRACE_MM_PAGE_FREE, true);
  expect(trace.mask[0]).toBe(1 << TRACE_MM_PAGE_FREE);
  setTrace(trace, TRACE_MM_PAGE_FREE, false);
  expect(trace.mask[0]).toBe(0);
});

test("a record keeps its event, its fields in Linux's order and its time", () => {
  const k = { trace: createTrace(), clock: { ns: Float64Array.of(1234) } };
  emit(k, TRACE_MM_PAGE_ALLOC, 77, 3, 1);
  expect([...k.trace.ring.subarray(0, 4)]).toEqual([TRACE_MM_PAGE_ALLOC, 77, 3, 1]);
  expect(k.trace.timeNs[0]).toBe(1234);
  expect(TRACE_EVENTS[TRACE_MM_PAGE_ALLOC]).toEqual({
    name: "mm_page_alloc",
    fields: ["pfn", "order", "migratetype"],
  });
});

test("the ring keeps the newest records and counts all", () => {
  const k = { trace: createTrace(), clock: { ns: new Float64Array(1) } };
  const records = k.trace.timeNs.length;
  for (let i = 0; i <= records; i++) emit(k, TRACE_MM_PAGE_FREE, i, 0, 0);
  expect(k.trace.ring[1]).toBe(records);
  expect(k.trace.written[0]).toBe(records + 1);
});
