/** A long replay takes no more memory than a short one. */
import { expect, test } from "vitest";
import { boot, PRESETS } from "../../core/index.ts";
import { drive } from "../../programs/driver.ts";
import { type ChunkSource, EVENT_NONE } from "../../programs/replay/events.ts";
import { startReplay } from "../../programs/replay/replay.ts";

test("a replay of 1e8 accesses holds its memory", () => {
  const chunks = 1024;
  const runs = 4096;
  const accesses = 24;
  let left = chunks;
  let early = 0;
  const source: ChunkSource = {
    isBare: true,
    next: (_, chunk) => {
      if (left-- === 0) return false;
      for (let i = 0; i < runs; i++) {
        chunk.page[i] = 0x100000 + ((i * 7) % 512);
        chunk.kind[i] = i % 2;
        chunk.count[i] = accesses;
      }
      chunk.length = runs;
      chunk.event = { type: EVENT_NONE };
      if (left === Math.floor(chunks * 0.9)) early = memoryInUse();
      return true;
    },
  };
  const k = boot(PRESETS.tiny!);
  const { programs, summary } = startReplay(k, source);
  drive(k, programs);
  expect(summary.accesses).toBe(chunks * runs * accesses);
  expect(memoryInUse() - early).toBeLessThan(33_554_432);
});

function memoryInUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
