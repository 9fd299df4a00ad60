/** Reads from /proc what decides how a script runs. */
import { expect, test } from "vitest";
import { readHostMachine } from "./host-machine.ts";

const BASES = "bases text=0x400000 heap=0x401000 top=0x7ffff7ff9000 stack=0x7ffffffff000";
const PROBE = `${BASES}\nmmap(4K) = a\nshow maps\n| 00010000-00011000 r--p 00000000 00:00 0 \n`;

/** Files of a machine with two processors whose kernel was built without soft-dirty marks and has a [vsyscall] page. */
const FILES: Readonly<Record<string, string>> = {
  "self/smaps":
    "7ffff7ff9000-7ffff7ffa000 rw-p 00000000 00:00 0 \nKernelPageSize:        4 kB\nVmFlags: rd wr mr mw me ac \n" +
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\nVmFlags: ex \n",
  "self/status": "CapEff:\t000001ffffffffff\n",
  "self/limits": "Max data size             unlimited            unlimited            bytes     \n",
  cpuinfo: "processor\t: 0\nflags\t\t: fpu pse\n\nprocessor\t: 1\nflags\t\t: fpu pse\n",
  meminfo: "MemTotal:        2048000 kB\n",
  "sys/vm/overcommit_memory": "0\n",
  "sys/vm/overcommit_ratio": "50\n",
  "sys/vm/max_map_count": "65530\n",
  "sys/vm/legacy_va_layout": "0\n",
};

function machineWith(changes: Readonly<Record<string, string>>, probe = PROBE) {
  const files = { ...FILES, ...changes };
  const found = readHostMachine(probe, (name) => files[name]!);
  return { value: found.missing === undefined ? found.value : undefined, missing: found.missing };
}

test("a machine is read from /proc", () => {
  expect(machineWith({}).value).toMatchObject({
    cpus: 2,
    sizeBytes: 2048000 * 1024,
    levels: 4,
    config: { softDirty: false, protectionKeys: false, vsyscall: "xonly" },
    knobs: { "vm.mmap_min_addr": 65536, "capabilities=": 1, "vm.overcommit_memory": 0 },
  });
});

test("what the kernel was built for is seen in its files", () => {
  const smaps =
    "400000-401000 r-xp 00000000 00:00 0 \nKernelPageSize:        4 kB\nProtectionKey:         0\nVmFlags: rd sd \n";
  const machine = machineWith({
    "self/smaps": smaps,
    cpuinfo: "processor\t: 0\nflags\t\t: la57\n",
    "self/status": "CapEff:\t0\n",
  }).value;
  expect(machine).toMatchObject({
    cpus: 1,
    levels: 5,
    config: { softDirty: true, protectionKeys: true, vsyscall: "none" },
    knobs: { "capabilities=": 0 },
  });
});

test("a machine that cannot be modelled gives a reason", () => {
  expect(machineWith({}, "").missing).toMatch(/laid out differently/);
  expect(machineWith({ "sys/vm/legacy_va_layout": "1\n" }).missing).toBe("vm.legacy_va_layout is set");
  expect(machineWith({ "self/limits": "Max address space         1024   1024   bytes\n" }).missing).toMatch(
    /ulimit/,
  );
  expect(machineWith({ "self/smaps": "400000-401000 r-xp 0 0:0 0 \nNewField:   4 kB\n" }).missing).toMatch(
    /NewField/,
  );
  expect(machineWith({ "self/smaps": "KernelPageSize:       64 kB\n" }).missing).toMatch(/4 KiB/);
  expect(machineWith({ meminfo: "" }).missing).toMatch(/MemTotal/);
});
