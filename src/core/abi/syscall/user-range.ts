/**
 * What read and write check before they look at a file: the buffer's range and the count.
 * Linux: arch/x86/include/asm/uaccess_64.h, fs/read_write.c (6.12)   Doc: man 2 read
 */
import { EFAULT, EINVAL } from "../../base/errno.ts";
import { unsigned } from "../../vm/bytes.ts";
import type { AbiState } from "../state.ts";

/** The most one call transfers: 2 GiB less a page (Linux: MAX_RW_COUNT). */
const MAX_RW_COUNT = 0x7ffff000;
/** The highest count that is not negative as a signed 64-bit number. */
const MAX_SSIZE = 2 ** 63;

/**
 * The count of a transfer to or from `addr`: clipped to MAX_RW_COUNT, or -EFAULT for a buffer that is not all below the
 * end of user space, -EINVAL for a count that is negative. The pages themselves are not looked at.
 */
export function checkTransfer(k: AbiState, addr: number, count: number): number {
  const begin = unsigned(addr);
  const bytes = unsigned(count);
  const limit = k.machine.levels === 5 ? 2 ** 56 : 2 ** 47;
  if (begin + bytes > limit - 4096) return -EFAULT;
  return bytes >= MAX_SSIZE ? -EINVAL : Math.min(bytes, MAX_RW_COUNT);
}
