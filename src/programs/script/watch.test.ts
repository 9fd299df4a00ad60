/**
 * What a live 6.18 with memory of version 1 printed for the same script; the C runner made the same watches there.
 * Linux: mm/memcontrol-v1.c, mm/vmpressure.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst
 */
import { expect, test } from "vitest";
import { boot } from "../../core/kernel.ts";
import { checkScript } from "./check.ts";
import { parseScript } from "./parser.ts";
import { runScript } from "./run.ts";

const SCRIPT = `cgroup p
cgroup p/c memory.limit_in_bytes=16M
watch low p/c memory.pressure_level low
watch above p memory.pressure_level low hierarchy
watch passed p memory.pressure_level low
watch own p memory.pressure_level low local
watch bad p memory.pressure_level high
watch none p memory.stat low
watch size p/c memory.usage_in_bytes 8M
watch out p/c memory.oom_control
watch parent p memory.oom_control
k = fork()
k: enter p/c
k: a = mmap(NULL, 32M, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)
k: scan store a 10M
show watched size
k: madvise(a, 10M, MADV_DONTNEED)
k: scan store a 1M
show watched size
show watched low
k: scan store a 32M
show watched out
show watched parent
show watched passed
show watched own
`;

test("watches of cgroups are told of what the kernel tells", () => {
  const k = boot({ sizeBytes: 1 << 30, knobs: { "/sys/kernel/mm/lru_gen/enabled": 0 } });
  const { script, errors } = parseScript(SCRIPT, "watch.pw");
  expect(errors).toEqual([]);
  const lines: string[] = [];
  expect(runScript(k, script, (line) => lines.push(line))).toBeUndefined();
  expect(lines.filter((line) => /^watch (bad|none)/.test(line))).toEqual([
    "watch bad p memory.pressure_level high = -1 EINVAL",
    "watch none p memory.stat low = -1 EINVAL",
  ]);
  expect(lines.filter((line) => line.startsWith("| "))).toEqual([
    "| size 1",
    "| size 1",
    "| low 0",
    "| out 1",
    "| parent 0",
    "| passed 0",
    "| own 0",
  ]);
});

test("a watch that no line makes cannot be shown", () => {
  const parsed = parseScript("cgroup g\nshow watched w\nwatch w h memory.oom_control\n", "watch.pw");
  const errors = checkScript(parsed.script);
  expect(errors.map(({ line, message }) => `${line}: ${message}`)).toEqual([
    "2: no earlier line makes a watch w",
    "3: no earlier line makes a group h",
  ]);
});
