/** Asks the kernel of this machine, where it can be asked. (Debian's 6.12 in QEMU takes longer: `pagewalk verify --kernel qemu`.) */
import { describe, expect, test } from "vitest";
import { runOnKernel, whyNotKernel } from "./run-on-kernel.ts";

const missing = whyNotKernel("host");

async function run(text: string) {
  const { transcripts } = await runOnKernel([{ name: "t.pw", text }], { kernel: "host" });
  return transcripts[0]!;
}

describe.skipIf(missing !== undefined)(
  `this machine's kernel${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    test("a page that was only read costs no memory until it is written", async () => {
      const { text, status } = await run(
        "a = mmap(NULL, 64K, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\nload a 4\nstore a 4 0x2a\nload a 4\n",
      );
      expect(status).toBe(0);
      expect(text.split("\n").slice(1)).toEqual([
        "a = mmap(NULL, 64K, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = top-64K",
        "load a 4 = 0x0 minor 1",
        "store a 4 0x2a = ok minor 1",
        "load a 4 = 0x2a",
        "",
      ]);
    });

    test("a signal ends the access and not the task, unless it is fatal", async () => {
      const { text } = await run(
        "p = fork()\np: load 0x10000 1\np: getpid()\np: fatal load 0x10000 1\nwait4(p, NULL, 0, NULL)\n",
      );
      expect(text.split("\n").slice(1)).toEqual([
        "p = fork() = p",
        "p: load 0x10000 1 = SIGSEGV SEGV_MAPERR text-4032K",
        "p: getpid() = p",
        "p: fatal load 0x10000 1 = SIGSEGV SEGV_MAPERR text-4032K killed",
        "wait4(p, NULL, 0, NULL) = p killed SIGSEGV",
        "",
      ]);
    });

    test("a script that can not be read says where, and nothing of it runs", async () => {
      const transcript = await run("getpid()\nmmap(NULL\n");
      expect(transcript).toEqual({
        name: "t.pw",
        text: "",
        status: 2,
        errors: ['t.pw:2:10: expected "," or ")", found end of line'],
      });
    });

    test("a wait that nobody would end is an error where it stands", async () => {
      const { status, errors } = await run("p = fork()\nwait4(p, NULL, 0, NULL)\n");
      expect({ status, errors }).toEqual({ status: 1, errors: ["t.pw:2:1: wait4 would wait for ever"] });
    });

    test("a script that would change a sysctl is skipped with a reason", async () => {
      const { transcripts, skipped } = await runOnKernel(
        [{ name: "s", text: "sysctl vm.swappiness = 1\n" }],
        { kernel: "host" },
      );
      expect(transcripts).toEqual([]);
      expect(skipped[0]!.reason).toContain("sysctl");
    });
  },
);
