/**
 * wait4(2).
 * Linux: kernel/exit.c (6.12)   Doc: man 2 wait4
 */
import { EFAULT } from "../../base/errno.ts";
import { BLOCKED, type Task } from "../../base/types.ts";
import { copyToUser } from "../../vm/user-bytes.ts";
import { doWait4 } from "../process.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** Bytes of struct rusage. */
const RUSAGE_BYTES = 144;

/**
 * wait4(pid, status, options, rusage). Returns the child's pid, 0 (WNOHANG), -ECHILD, -EINVAL, -ESRCH, -EFAULT (the
 * child is reaped all the same), or BLOCKED. Its status is also in `k.task.waitStatus[task]`.
 */
export function sysWait4(k: AbiState, task: Task, args: SyscallArgs): number {
  const pid = doWait4(k, task, numberArg(args, 0) | 0, numberArg(args, 2));
  if (pid <= 0) return pid;
  const status = k.task.waitStatus[task];
  const statusAddr = numberArg(args, 1);
  if (statusAddr !== 0 && !put(k, task, statusAddr, Uint8Array.of(status, status >> 8, 0, 0))) return -EFAULT;
  const usageAddr = numberArg(args, 3);
  if (usageAddr !== 0 && !put(k, task, usageAddr, usage(k, task))) return -EFAULT;
  return pid;
}

/** Stores bytes at a user address. A page that must first be read counts as stored: the child cannot be reaped twice. */
function put(k: AbiState, task: Task, addr: number, bytes: Uint8Array): boolean {
  const done = copyToUser(k, task, addr, bytes);
  return done === bytes.length || done === BLOCKED;
}

/** struct rusage of the child that was reaped last. */
function usage(k: AbiState, task: Task): Uint8Array {
  const bytes = new Uint8Array(RUSAGE_BYTES);
  const view = new DataView(bytes.buffer);
  const reaped = k.task.reaped.subarray(task * 8, task * 8 + 8);
  const put64 = (at: number, value: number): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 4294967296), true);
  };
  for (let i = 0; i < 2; i++) {
    put64(i * 16, Math.floor(reaped[i] / 1e9));
    put64(i * 16 + 8, Math.floor((reaped[i] - Math.floor(reaped[i] / 1e9) * 1e9) / 1000));
  }
  put64(32, reaped[2]);
  put64(64, reaped[3]);
  put64(72, reaped[4]);
  put64(128, reaped[5]);
  put64(136, reaped[6]);
  return bytes;
}
