/**
 * The functions of the core by which programs run. What these reach, every machine gets a copy of its own of (specialise.mjs).
 */
export const ENTRIES = ["runAccesses", "access", "syscall", "pickNext", "beginTurn", "accountRun", "wake"];
