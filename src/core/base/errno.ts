/**
 * Error numbers a system call returns (negated), and what a memory access returns when it cannot be done.
 * Linux: include/uapi/asm-generic/errno-base.h, errno.h, siginfo.h (6.12)   Doc: man 3 errno, man 2 sigaction
 */

export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const E2BIG = 7;
export const ENOEXEC = 8;
export const EBADF = 9;
export const ECHILD = 10;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const ENOTBLK = 15;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const ETXTBSY = 26;
export const EFBIG = 27;
export const ENOSPC = 28;
export const ESPIPE = 29;
export const ERANGE = 34;
export const ENAMETOOLONG = 36;
export const ENOSYS = 38;
export const EOVERFLOW = 75;
export const ELIBBAD = 80;
export const EOPNOTSUPP = 95;

const NAMES: Readonly<Record<number, string>> = {
  [EPERM]: "EPERM",
  [ENOENT]: "ENOENT",
  [ESRCH]: "ESRCH",
  [EINTR]: "EINTR",
  [EIO]: "EIO",
  [ENXIO]: "ENXIO",
  [E2BIG]: "E2BIG",
  [ENOEXEC]: "ENOEXEC",
  [EBADF]: "EBADF",
  [ECHILD]: "ECHILD",
  [EAGAIN]: "EAGAIN",
  [ENOMEM]: "ENOMEM",
  [EACCES]: "EACCES",
  [EFAULT]: "EFAULT",
  [ENOTBLK]: "ENOTBLK",
  [EBUSY]: "EBUSY",
  [EEXIST]: "EEXIST",
  [ENODEV]: "ENODEV",
  [ENOTDIR]: "ENOTDIR",
  [EISDIR]: "EISDIR",
  [EINVAL]: "EINVAL",
  [ENFILE]: "ENFILE",
  [EMFILE]: "EMFILE",
  [ETXTBSY]: "ETXTBSY",
  [EFBIG]: "EFBIG",
  [ENOSPC]: "ENOSPC",
  [ESPIPE]: "ESPIPE",
  [ERANGE]: "ERANGE",
  [ENAMETOOLONG]: "ENAMETOOLONG",
  [ENOSYS]: "ENOSYS",
  [EOVERFLOW]: "EOVERFLOW",
  [ELIBBAD]: "ELIBBAD",
  [EOPNOTSUPP]: "EOPNOTSUPP",
};

/** The name of a positive error number as strace prints it; the number in digits when it has none here. */
export function errnoName(errno: number): string {
  return NAMES[errno] ?? String(errno);
}

/** Signal numbers that memory accesses can cause. */
export const SIGBUS = 7;
export const SIGKILL = 9;
export const SIGSEGV = 11;

/** Outcomes of an access besides 0 (done) and BLOCKED: the signal the task would get, with its si_code. */
export const FAULT_SEGV_MAPERR = -0x20001;
export const FAULT_SEGV_ACCERR = -0x20002;
export const FAULT_SIGBUS = -0x20003;
/** The kernel found no memory for the fault; the task is to be killed. */
export const FAULT_OOM = -0x20004;
