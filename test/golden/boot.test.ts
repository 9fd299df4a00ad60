/**
 * Boot against the real kernel: every folder golden/…/boot-* says what Linux 6.12 made of a machine's memory. Pagewalk boots
 * the same machine and must print the same zones, watermarks, reserves and per-CPU limits. What the running kernel used for
 * itself (free pages, counters, list lengths) is blanked on both sides.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { showBuddyinfo } from "../../src/core/abi/proc/buddyinfo.ts";
import { showMeminfo } from "../../src/core/abi/proc/meminfo.ts";
import { showVmstat } from "../../src/core/abi/proc/vmstat.ts";
import { showZoneinfo } from "../../src/core/abi/proc/zoneinfo.ts";
import { setKnob } from "../../src/core/base/knobs.ts";
import { applyKnobs } from "../../src/core/frame/boot.ts";
import { checkBuddy } from "../../src/core/frame/buddy.ts";
import { PCP_HIGH_MAX, PCP_HIGH_MIN } from "../../src/core/frame/mmzone.ts";
import { pcpRow } from "../../src/core/frame/pcp-tune.ts";
import { checkPcp } from "../../src/core/frame/pcp.ts";
import { checkZones } from "../../src/core/frame/zone.ts";
import { boot, type MachineInput } from "../../src/core/index.ts";

const FOLDER = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../golden/linux-6.12-x86_64");
const cases = readdirSync(FOLDER).filter((name) => name.startsWith("boot-")).sort();

function read(name: string, file: string): string {
  return readFileSync(path.join(FOLDER, name, file), "utf8");
}

function bootCase(name: string): ReturnType<typeof boot> {
  return boot(JSON.parse(read(name, "machine.json")) as MachineInput);
}

/** zoneinfo without what the kernel's own work changes. */
function blank(zoneinfo: string): string {
  return zoneinfo
    .replaceAll(/(pages free +)\d+/g, "$1N")
    .replaceAll(/( {6}(?:nr|numa|workingset|pgpromote|pgdemote)\w+ +)\d+/g, "$1N")
    .replaceAll(/((?:count|high): +)\d+/g, "$1N");
}

/** The first word of every line. */
function labels(text: string): string[] {
  return text.trimEnd().split("\n").map((line) => line.split(/\s+/)[0]);
}

function value(text: string, label: string): string | undefined {
  return new RegExp(`^${label}:? +(\\d+)`, "m").exec(text)?.[1];
}

describe.each(cases)("%s", (name) => {
  const k = bootCase(name);

  test("zones, watermarks, protection, batch and thresholds are the kernel's", () => {
    expect(blank(showZoneinfo(k))).toBe(blank(read(name, "zoneinfo")));
  });

  test("they still are after watermark_scale_factor was raised to 500", () => {
    const changed = bootCase(name);
    setKnob(changed.knob, "vm.watermark_scale_factor", 500);
    applyKnobs(changed);
    expect(blank(showZoneinfo(changed))).toBe(blank(read(name, "zoneinfo-scale-500")));
  });

  test("the kernel's per-CPU high lies between the bounds worked out here, or is not set yet", () => {
    let checked = 0;
    for (const section of read(name, "zoneinfo").split(/^(?=Node)/m)) {
      const [, node, type] = /^Node (\d+), zone +(\w+)/.exec(section)!;
      const zone = Number(node) * 4 + ["DMA", "DMA32", "Normal", "Movable"].indexOf(type!) + 1;
      [...section.matchAll(/high: {2}(\d+)/g)].forEach((match, cpu) => {
        const high = Number(match[1]);
        const row = pcpRow(k, zone, cpu);
        expect(high === 0 || (high >= k.pcp.rows[row + PCP_HIGH_MIN] && high <= k.pcp.rows[row + PCP_HIGH_MAX])).toBe(true);
        checked++;
      });
    }
    expect(checked).toBeGreaterThan(0);
  });

  test("vmstat has the kernel's rows in its order, and as many pages of page records", () => {
    const ours = showVmstat(k);
    expect(labels(ours)).toEqual(labels(read(name, "vmstat")));
    expect(value(ours, "nr_memmap_boot_pages")).toBe(value(read(name, "vmstat"), "nr_memmap_boot_pages"));
  });

  test("meminfo has the kernel's rows, totals and sizes", () => {
    const real = read(name, "meminfo");
    const ours = showMeminfo(k);
    expect(labels(ours)).toEqual(labels(real));
    for (const label of ["MemTotal", "CommitLimit", "VmallocTotal", "Percpu", "Hugepagesize", "SwapTotal"]) {
      expect(value(ours, label), label).toBe(value(real, label));
    }
    expect(ours.split("\n").map((line) => line.length)).toEqual(real.split("\n").map((line) => line.length));
  });

  test("buddyinfo has the kernel's zones and columns, and no fewer large blocks", () => {
    const columns = (text: string): string[][] => text.trimEnd().split("\n").map((line) => line.trim().split(/\s+/));
    const real = columns(read(name, "buddyinfo"));
    const ours = columns(showBuddyinfo(k));
    expect(ours.map((line) => [line.slice(0, 4), line.length])).toEqual(real.map((line) => [line.slice(0, 4), line.length]));
    ours.forEach((line, i) => {
      expect(Number(line.at(-1))).toBeGreaterThanOrEqual(Number(real[i]!.at(-1)));
    });
  });

  test("each node falls back to the others in the order the kernel's log says", () => {
    for (const [, node, nodes] of read(name, "dmesg-memory").matchAll(/Fallback order for Node (\d+): ([\d ]+)/g)) {
      const order: number[] = [];
      for (let at = Number(node) * k.zone.count; k.zonelist[at] !== 0; at++) order.push((k.zonelist[at] - 1) >> 2);
      expect([...new Set(order)].join(" ")).toBe(nodes!.trim());
    }
  });

  test("every table is in order", () => {
    checkZones(k);
    checkBuddy(k);
    checkPcp(k);
  });
});
