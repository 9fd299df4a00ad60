/**
 * The only throw of the core: an invariant of Pagewalk itself does not hold.
 * What a simulated program did wrong is returned as an errno and never comes here.
 * Linux: include/asm-generic/bug.h (6.12)
 */

/** Stops with the message. Never returns. */
export function bug(message: string): never {
  throw new Error(`pagewalk bug: ${message}`);
}

/** Refuses a machine or an option that cannot exist, naming the field. Only boot and option reading call it. */
export function badConfig(field: string, why: string): never {
  throw new RangeError(`${field}: ${why}`);
}
