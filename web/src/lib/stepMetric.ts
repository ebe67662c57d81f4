/** Metrics that stand for the step of others (`define_metric("val/*", step_metric="epoch")`). */
import type { MetricDefinition, Series } from "../api/types";
import { toNumber } from "./format";

/** The metric that a metric is drawn over: as its own definition says, else the longest pattern that fits; empty for the step. */
export function stepMetricOf(definitions: Record<string, MetricDefinition> | undefined, key: string): string {
  if (!definitions) return "";
  const own = definitions[key];
  if (own) return own.step_metric;
  const fitting = Object.keys(definitions).filter((pattern) => pattern.includes("*") && fits(pattern, key)).sort((a, b) => b.length - a.length);
  return definitions[fitting[0] ?? ""]?.step_metric ?? "";
}

function fits(pattern: string, key: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(key);
}

/** A series whose steps are what another metric was at them; between two of its points on the straight line. */
export function overMetric(series: Series, steps: Series): Series {
  const known = steps.steps.flatMap((step, at) => {
    const [x, y] = [toNumber(step), toNumber(steps.values[at])];
    return x !== null && y !== null && Number.isFinite(y) ? [[x, y] as const] : [];
  });
  if (known.length === 0) return series;
  known.sort((a, b) => a[0] - b[0]);
  return { ...series, steps: series.steps.map((step) => valueAt(known, toNumber(step) ?? 0)) };
}

function valueAt(known: readonly (readonly [number, number])[], at: number): number {
  let [low, high] = [0, known.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((known[middle]?.[0] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [known[low - 1], known[low]];
  if (!after) return before?.[1] ?? at;
  if (!before || after[0] === at) return after[1];
  return before[1] + ((after[1] - before[1]) * (at - before[0])) / (after[0] - before[0]);
}
