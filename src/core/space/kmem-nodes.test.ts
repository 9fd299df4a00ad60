import fc from "fast-check";
import { expect, test } from "vitest";
import { fileMachine } from "../../../test/support/file-machine.ts";
import { makeDirectory, writeFile } from "../abi/vfs.ts";
import { xaErase, xaNodes, xaStore } from "../base/xarray.ts";
import type { Kernel } from "../kernel.ts";
import { createInode } from "./file.ts";
import { KMEM_NODE } from "./kmem.ts";
import { chargeNodes, nodeBytes, unchargeNodes } from "./kmem-nodes.ts";

/** Nodes of a tree that holds these indexes, as lib/xarray.c builds it: none for index 0 alone. */
function nodesOf(indexes: ReadonlySet<number>): number {
  const highest = Math.max(...indexes, -1);
  if (highest <= 0) return 0;
  const nodes = new Set<string>();
  for (let shift = 6; ; shift += 6) {
    for (const index of indexes) nodes.add(`${shift} ${Math.floor(index / 2 ** shift)}`);
    if (highest < 2 ** shift) return nodes.size;
  }
}

function machine(): { k: Kernel; group: number } {
  const { k, task } = fileMachine();
  k.task.cpuTask[0] = task;
  writeFile(k, "/sys/fs/cgroup/cgroup.subtree_control", "+memory");
  makeDirectory(k, "/sys/fs/cgroup/a");
  writeFile(k, "/sys/fs/cgroup/a/cgroup.procs", `${k.task.pid[task]}`);
  return { k, group: k.task.memcg[task]! };
}

test("a cgroup is charged for as many nodes as Linux' trees have, and nodeBytes foretells them", () => {
  const index = fc.oneof(fc.nat(3), fc.nat(200), fc.nat(70000));
  const step = fc.record({ isStore: fc.boolean(), index });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { k, group } = machine();
      const inode = createInode(k, { path: "t", sizeBytes: 0 });
      const { pages } = k.file;
      const held = new Set<number>();
      for (const { isStore, index: at } of steps) {
        const before = xaNodes(k.xarray);
        const charged = k.kmem.bytes[group]!;
        if (isStore && !held.has(at)) {
          const foretold = nodeBytes(k, inode, at);
          pages[inode] = xaStore(k.xarray, pages[inode]!, at, 7);
          chargeNodes(k, inode, before);
          held.add(at);
          expect(k.kmem.bytes[group]! - charged).toBe(foretold);
        } else if (!isStore && held.delete(at)) {
          pages[inode] = xaErase(k.xarray, pages[inode]!, at);
          unchargeNodes(k, inode, before);
        }
        expect(k.kmem.bytes[group]).toBe(nodesOf(held) * KMEM_NODE);
      }
    }),
    { seed: 7, numRuns: 25 },
  );
});
