/**
 * A small area chart in text: one column a sample, eighths of a cell in height.
 *
 *   12 MiB ┤        ▂▅████
 *          │   ▃▅▇████████
 *     0 B  └──────────────
 */

const EIGHTHS = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** Rows of the chart for the values, highest row first; `width` columns at most, each the largest of its samples. */
export function areaChart(values: readonly number[], width: number, height: number): string[] {
  const columns = resample(values, width);
  const highest = Math.max(...columns, 0);
  const rows: string[] = [];
  for (let row = height - 1; row >= 0; row--) {
    let line = "";
    for (const value of columns) {
      const eighths = highest === 0 ? 0 : Math.round((value / highest) * height * 8) - row * 8;
      line += EIGHTHS[Math.max(0, Math.min(8, eighths))];
    }
    rows.push(line);
  }
  return rows;
}

function resample(values: readonly number[], width: number): number[] {
  if (values.length <= width) return [...values];
  return Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * values.length) / width);
    const to = Math.max(from + 1, Math.floor(((column + 1) * values.length) / width));
    return Math.max(...values.slice(from, to));
  });
}
