/**
 * The arithmetic of pressure averages: fixed point with 11 binary places, one sample every two seconds.
 *
 *   average = average * e + sample * (1 - e)      e = exp(-2 s / 10 s), exp(-2 s / 60 s), exp(-2 s / 300 s), each of 2048
 *
 * A rising average is rounded up, a falling one down, so that both ends of the scale can be reached.
 * Linux: kernel/sched/psi.c, include/linux/sched/loadavg.h (6.12)   Doc: Documentation/accounting/psi.rst
 */

/** Ticks a second of Debian's configuration (CONFIG_HZ), a tick, and one period: 2 s and a tick. */
export const PSI_TICK_NS = 4000000;
export const PSI_PERIOD_TICKS = 2 * 250 + 1;
export const PSI_PERIOD_NS = PSI_PERIOD_TICKS * PSI_TICK_NS;

/** Binary places of an average, and one. */
const FSHIFT = 11;
const FIXED_1 = 1 << FSHIFT;
/** What is left of an old average after a period: the ones over 10, 60 and 300 s. */
const DECAY: readonly number[] = [1677, 1981, 2034];

/**
 * Takes a sample into three averages from `at` on: `timeNs` of stall in a period of `periodNs`, after so many periods
 * in which nothing was sampled (Linux: calc_avgs).
 */
export function updateAverages(
  average: Int32Array,
  at: number,
  missedPeriods: number,
  timeNs: number,
  periodNs: number,
): void {
  const percent = Math.floor((timeNs * 100) / periodNs) * FIXED_1;
  for (let i = 0; i < DECAY.length; i++) {
    const decay = DECAY[i];
    if (missedPeriods > 0) average[at + i] = decayed(average[at + i], fixedPower(decay, missedPeriods), 0);
    average[at + i] = decayed(average[at + i], decay, percent);
  }
}

/** An average as the kernel prints it: two decimal places. */
export function averageText(average: number): string {
  const hundredths = ((average & (FIXED_1 - 1)) * 100) >> FSHIFT;
  return `${average >> FSHIFT}.${String(hundredths).padStart(2, "0")}`;
}

/** One step of the average towards what is active now (Linux: calc_load). */
function decayed(load: number, decay: number, active: number): number {
  const sum = load * decay + active * (FIXED_1 - decay);
  return Math.floor((active >= load ? sum + FIXED_1 - 1 : sum) / FIXED_1);
}

/** A fraction of FIXED_1 to the power of n, rounded after each step (Linux: fixed_power_int). */
function fixedPower(fraction: number, n: number): number {
  let result = FIXED_1;
  let power = fraction;
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = (result * power + FIXED_1 / 2) >> FSHIFT;
    power = (power * power + FIXED_1 / 2) >> FSHIFT;
  }
  return result;
}
