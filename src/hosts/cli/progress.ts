/**
 * Progress of long work: a bar with rate and time left on a terminal, nothing at all in a pipe.
 */
import { SingleBar } from "cli-progress";
import { bytes, count } from "./units.ts";

/** Told how far the work is; `stop` clears the line. */
export interface Progress {
  readonly update: (done: number) => void;
  readonly stop: () => void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

/**
 * A bar on stderr for work of `total` units, or a silent one where stderr is no terminal or the total is unknown.
 * `unit` is "bytes" or the plural name of what is counted.
 */
export function startProgress(label: string, total: number, unit: string): Progress {
  if (!process.stderr.isTTY || total <= 0) return SILENT;
  const amount = (value: number): string => (unit === "bytes" ? bytes(value) : `${count(value)} ${unit}`);
  const started = Date.now();
  const bar = new SingleBar({
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    etaBuffer: 50,
    format: (_options, params) => {
      const seconds = Math.max((Date.now() - started) / 1000, 1e-3);
      const width = 24;
      const filled = Math.round(width * Math.min(1, params.value / params.total));
      const left = params.value > 0 ? ((params.total - params.value) * seconds) / params.value : Number.NaN;
      return `${label} ${"█".repeat(filled)}${"░".repeat(width - filled)} ${amount(params.value)} of ${amount(total)}, ${amount(params.value / seconds)}/s, ${Number.isNaN(left) ? "-" : `${Math.ceil(left)} s left`}`;
    },
  });
  bar.start(total, 0);
  return { update: (done) => bar.update(done), stop: () => bar.stop() };
}
