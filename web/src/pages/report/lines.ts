/** The lines of a report's panel: which points, smoothed how, in which groups. */
import type { LinePanel } from "../../api/reports";
import type { Series } from "../../api/types";
import { formatValue, toNumber } from "../../lib/format";
import { smooth } from "../../lib/transform";
import type { PlotSpec } from "../../vega/spec";
import { type DrawnRun, fieldValue } from "./runs";
import { scaleOf } from "./specs";
import { formatField } from "./words";

type Histories = Record<string, Record<string, Series>>;

interface Row {
  x: number;
  y: number;
  label: string;
  run: string;
  raw: number;
}

/** Null where no run has a point. */
export function lineSpec(panel: LinePanel, runs: readonly DrawnRun[], histories: Histories): PlotSpec | null {
  const isGrouped = panel.group_by !== null;
  const values = runs.flatMap((drawn) => panel.metrics.flatMap((metric) => rowsOf(panel, drawn, metric, histories[drawn.run.id] ?? {})));
  if (values.length === 0) return null;
  const labels = [...new Set(values.map((row) => row.label))];
  const byLabel = new Map(runs.flatMap((drawn) => panel.metrics.map((metric) => [labelOf(panel, drawn, metric), panel.colors[labelOf(panel, drawn, metric)] || (panel.metrics.length === 1 && !isGrouped ? drawn.color : "")] as const)));
  const colors = labels.map((label) => byLabel.get(label) ?? "");
  const color = { field: "label", type: "nominal", title: null, ...(colors.every(Boolean) ? { scale: { domain: labels, range: colors } } : {}) };
  const isClock = panel.x.key === "_timestamp";
  const x = { field: "x", title: panel.x_title || formatField(panel.x), ...(isClock ? { type: "temporal" } : { type: "quantitative", scale: { ...scaleOf(panel.x_range, panel.log_x), nice: false } }) };
  const y = { field: "y", type: "quantitative", title: panel.y_title || (panel.metrics.length === 1 ? panel.metrics[0] : null), scale: scaleOf(panel.y_range, panel.log_y) };
  const detail = isGrouped ? [] : [{ field: "run" }];
  const mean = ["mean", "min", "max", "median", "sum"].includes(panel.aggregate) ? panel.aggregate : "mean";
  if (isGrouped && panel.aggregate !== "samples") return { data: { values }, layer: [...band(panel.area, x, y, color), { mark: { type: "line", tooltip: true }, encoding: { x, y: { ...y, aggregate: mean }, color } }] };
  if (panel.style !== "line") return { data: { values }, mark: { type: "area", tooltip: true }, encoding: { x, y: { ...y, stack: panel.style === "pct-area" ? "normalize" : "zero" }, color } };
  const ghost = smoothing(panel) > 0 ? [{ mark: { type: "line", opacity: 0.2 }, encoding: { x, y: { ...y, field: "raw" }, color, detail } }] : [];
  return { data: { values }, layer: [...ghost, { mark: { type: "line", tooltip: true }, encoding: { x, y, color, detail } }] };
}

/** What stands around the line of a group. */
function band(area: string, x: object, y: object, color: object): PlotSpec[] {
  const extent = { stddev: "stdev", stderr: "stderr" }[area];
  if (extent) return [{ mark: { type: "errorband", extent, opacity: 0.2 }, encoding: { x, y, color } }];
  return area === "minmax" ? [{ mark: { type: "area", opacity: 0.2 }, encoding: { x, y: { ...y, aggregate: "min" }, y2: { field: "y", aggregate: "max" }, color } }] : [];
}

function labelOf(panel: LinePanel, { run, name }: DrawnRun, metric: string): string {
  const base = panel.group_by ? formatValue(fieldValue(run, panel.group_by)) : name;
  const label = panel.metrics.length > 1 ? `${base} ${metric}` : base;
  return panel.titles[label] ?? label;
}

function smoothing({ smoothing: { type, weight } }: LinePanel): number {
  return type.startsWith("exponential") ? Math.min(0.999, Math.max(0, weight)) : 0;
}

function rowsOf(panel: LinePanel, drawn: DrawnRun, metric: string, history: Record<string, Series>): Row[] {
  const series = history[metric];
  if (!series) return [];
  const label = labelOf(panel, drawn, metric);
  const numbers = series.values.map((value) => {
    const number = toNumber(value);
    return number !== null && Number.isFinite(number) ? number : null;
  });
  const smoothed = smooth(numbers, smoothing(panel));
  const x = horizontal(panel, drawn, series, history);
  return numbers.flatMap((raw, at) => {
    const [place, y] = [x(at), smoothed[at]];
    return raw === null || place === null || typeof y !== "number" ? [] : [{ x: place, y, raw, label, run: drawn.run.id }];
  });
}

/** Where a point stands: its step, its time, or what another metric was at its step. */
function horizontal({ x }: LinePanel, { run }: DrawnRun, series: Series, history: Record<string, Series>): (at: number) => number | null {
  if (x.key === "_timestamp") return (at) => (series.times[at] ?? 0) / 1000;
  if (x.key === "_runtime") return (at) => ((series.times[at] ?? 0) - run.created_at) / 1e6;
  const other = x.key === "_step" ? undefined : history[x.key];
  if (!other) return (at) => toNumber(series.steps[at]);
  const byStep = new Map(other.steps.map((step, at) => [String(step), toNumber(other.values[at])]));
  return (at) => byStep.get(String(series.steps[at])) ?? null;
}
