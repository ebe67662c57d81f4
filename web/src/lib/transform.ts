/** From logged points to lines: the x-axis, smoothing, and ranges that an outlier does not spoil. */
import type { Series } from "../api/types";
import { toNumber } from "./format";

export type XAxis = "step" | "relative" | "wall";

/** x ascending and unique; null in y is a gap (NaN or not a number), ±Infinity is left out of lines. */
export interface Line {
  x: number[];
  y: (number | null)[];
}

/** Times become seconds: since `origin` (µs) for the relative axis, since 1970 for the wall clock. */
export function toLine(series: Series, axis: XAxis, origin: number): Line {
  const x: number[] = [];
  const y: (number | null)[] = [];
  let sorted = true;
  for (let i = 0; i < series.values.length; i++) {
    const time = series.times[i] ?? 0;
    const at = axis === "step" ? (toNumber(series.steps[i]) ?? i) : axis === "wall" ? time / 1e6 : (time - origin) / 1e6;
    const value = toNumber(series.values[i]);
    const point = value !== null && Number.isFinite(value) ? value : null;
    const last = x.length - 1;
    if (last >= 0 && at === x[last]) {
      y[last] = point;
      continue;
    }
    if (last >= 0 && at < (x[last] ?? 0)) sorted = false;
    x.push(at);
    y.push(point);
  }
  return sorted ? { x, y } : inOrder(x, y);
}

function inOrder(x: number[], y: (number | null)[]): Line {
  const byX = new Map<number, number | null>();
  x.forEach((at, i) => byX.set(at, y[i] ?? null)); // the later point of a step that was logged twice stays
  const keys = [...byX.keys()].sort((a, b) => a - b);
  return { x: keys, y: keys.map((key) => byX.get(key) ?? null) };
}

/** Exponential moving average without the bias of its start; `weight` from 0 (none) to below 1. */
export function smooth(y: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...y];
  let average = 0;
  let bias = 1;
  return y.map((value) => {
    if (value === null) return null;
    average = average * weight + (1 - weight) * value;
    bias *= weight;
    return average / (1 - bias);
  });
}

/** The range of the values between the 1st and 99th percentile, widened a little; null when nothing is drawn. */
export function calmRange(lines: readonly (number | null | undefined)[][]): [number, number] | null {
  const values: number[] = [];
  for (const line of lines) for (const value of line) if (typeof value === "number") values.push(value);
  if (values.length === 0) return null;
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(share * (values.length - 1)))] ?? 0;
  const [low, high] = [at(0.01), at(0.99)];
  const spread = high - low || Math.abs(high) || 1;
  return [low - spread * 0.06, high + spread * 0.06];
}

/** The index of the last x that is not beyond `at`, or -1. */
export function indexAt(x: readonly number[], at: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
