/** Panels of a report over the values of runs, as specifications. */
import type { BarPanel, Range, ScatterPanel } from "../../api/reports";
import { formatValue, toNumber } from "../../lib/format";
import { formatField } from "./words";
import type { PlotSpec } from "../../vega/spec";
import { type DrawnRun, fieldValue } from "./runs";

type Row = Record<string, unknown>;

const finite = (value: unknown): number | null => {
  const number = toNumber(value);
  return number !== null && Number.isFinite(number) ? number : null;
};

export function scaleOf([low, high]: Range, isLog: boolean): Row {
  return { zero: false, ...(isLog ? { type: "log" } : {}), ...(low !== null ? { domainMin: low } : {}), ...(high !== null ? { domainMax: high } : {}) };
}

/** Null where no run has both values. */
export function scatterSpec(panel: ScatterPanel, runs: readonly DrawnRun[]): PlotSpec | null {
  const { x, y, z } = panel;
  if (!x || !y) return null;
  const values = runs.map(({ run, name, color }) => {
    const [at, value, tone] = [fieldValue(run, x), fieldValue(run, y), z ? fieldValue(run, z) : undefined];
    return { run: run.id, name, color, x: finite(at) ?? formatValue(at), y: finite(value), z: finite(tone) };
  }).filter((row) => row.y !== null && row.x !== "");
  if (values.length === 0) return null;
  const isNumeric = values.every((row) => typeof row.x === "number");
  const encoding = {
    x: { field: "x", title: formatField(x), ...(isNumeric ? { type: "quantitative", scale: scaleOf(panel.x_range, panel.log_x) } : { type: "nominal" }) },
    y: { field: "y", title: formatField(y), type: "quantitative", scale: scaleOf(panel.y_range, panel.log_y) },
  };
  const color = z ? { field: "z", type: "quantitative", title: formatField(z), ...(panel.log_z ? { scale: { type: "log" } } : {}) } : { field: "color", type: "nominal", scale: null };
  const tooltip = [{ field: "name", title: " " }, { field: "x", title: formatField(x) }, { field: "y", title: formatField(y) }, ...(z ? [{ field: "z", title: formatField(z) }] : [])];
  const points = { mark: { type: "point", filled: true, size: 50, opacity: 0.85 }, encoding: { ...encoding, color, tooltip } };
  const line = { transform: [{ regression: "y", on: "x" }], mark: { type: "line", strokeDash: [4, 4], opacity: 0.7 }, encoding };
  return { data: { values }, layer: panel.has_regression && isNumeric ? [points, line] : [points] };
}

const BARS = 30;

/** Null where no run has one of the metrics. */
export function barSpec(panel: BarPanel, runs: readonly DrawnRun[]): PlotSpec | null {
  const group = panel.group_by;
  const values = panel.metrics.flatMap((field) =>
    runs.flatMap(({ run, name, color }) => {
      const value = finite(fieldValue(run, field));
      const label = group ? formatValue(fieldValue(run, group)) : name;
      return value === null ? [] : [{ run: run.id, metric: panel.titles[field.key] ?? field.key, label: panel.titles[label] ?? label, value, color: panel.colors[label] || color }];
    }),
  ).slice(0, panel.limit || BARS * Math.max(1, panel.metrics.length));
  if (values.length === 0) return null;
  const isAggregated = group !== null || (panel.type === "scalar" && values.length > 1);
  const aggregate = ["mean", "min", "max", "median", "sum"].includes(panel.aggregate) ? panel.aggregate : "mean";
  const amount = { field: "value", type: "quantitative", title: null, ...(isAggregated ? { aggregate } : {}) };
  if (panel.type === "scalar")
    return { data: { values }, mark: { type: "text", fontSize: 34, fontWeight: 650 }, encoding: { text: { ...amount, format: ".4~g" }, ...(panel.metrics.length > 1 ? { row: { field: "metric", title: null } } : {}) } };
  const several = panel.metrics.length > 1;
  const category = { field: "label", type: "nominal", title: null, sort: null };
  const offset = several ? { [panel.is_vertical ? "xOffset" : "yOffset"]: { field: "metric" } } : {};
  const color = several ? { field: "metric", type: "nominal", title: null } : { field: "color", type: "nominal", scale: null };
  return { data: { values }, mark: { type: "bar", tooltip: true }, encoding: { ...(panel.is_vertical ? { x: category, y: amount } : { y: category, x: amount }), ...offset, color } };
}
