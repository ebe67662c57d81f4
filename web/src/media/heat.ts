/** Histograms over steps, brought to bins that all share. */
import type { Bins } from "./pointer";

export interface Point {
  step: number;
  bins: Bins;
}

export interface HeatMap {
  steps: number[];
  rows: number;
  low: number;
  high: number;
  /** Counts, column by column, lowest bin first. */
  cells: Float64Array;
}

const ROWS = 64;
const COLUMNS = 512;

export function heatMap(points: readonly Point[]): HeatMap {
  const shown = points.length <= COLUMNS ? points : Array.from({ length: COLUMNS }, (_, at) => points[Math.floor((at * (points.length - 1)) / (COLUMNS - 1))] as Point);
  const [low, high] = range(shown);
  const cells = new Float64Array(shown.length * ROWS);
  shown.forEach(({ bins }, column) => spread(bins, low, high, cells.subarray(column * ROWS, (column + 1) * ROWS)));
  return { steps: shown.map((point) => point.step), rows: ROWS, low, high, cells };
}

function range(points: readonly Point[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { bins } of points) {
    low = Math.min(low, bins.edges[0] ?? low);
    high = Math.max(high, bins.edges.at(-1) ?? high);
  }
  if (!(low < high)) return Number.isFinite(low) ? [low - 0.5, low + 0.5] : [0, 1];
  return [low, high];
}

/** Adds a histogram to rows of equal height; a bin that lies in several is shared among them by its width. */
function spread({ counts, edges }: Bins, low: number, high: number, rows: Float64Array): void {
  const height = (high - low) / rows.length;
  counts.forEach((count, bin) => {
    const [from, to] = [((edges[bin] ?? 0) - low) / height, ((edges[bin + 1] ?? 0) - low) / height];
    const last = Math.min(rows.length - 1, Math.floor(to));
    for (let row = Math.min(last, Math.max(0, Math.floor(from))); row <= last; row++) {
      const part = to > from ? (Math.min(to, row + 1) - Math.max(from, row)) / (to - from) : 1;
      if (part > 0) rows[row] = (rows[row] ?? 0) + count * part;
    }
  });
}
