/** Panels of a report over the values of runs, as specifications. */
import type { BarPanel, Range, ScatterPanel } from "../../api/reports";
import { formatValue, toNumber } from "../../lib/format";
import { t } from "../../messages";
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

interface Bar {
  place: number;
  label: string;
  color: string;
}

/** The values of the metrics, each with its bar: one for each run, whatever others are called, or for each group. */
function barRows(panel: BarPanel, runs: readonly DrawnRun[]): (Bar & Row)[] {
  const { group_by: group, metrics, titles, colors } = panel;
  const bars = new Map<string | number, Bar>();
  const most = panel.bar_limit || (panel.type === "scalar" ? Infinity : panel.limit || BARS);
  let left = panel.limit || Infinity; // runs
  return runs.flatMap(({ run, name, color }, at) => {
    const values = metrics.flatMap((field) => {
      const value = finite(fieldValue(run, field));
      return value === null ? [] : [{ run: run.id, metric: titles[field.key] ?? field.key, value }];
    });
    const label = group ? formatValue(fieldValue(run, group)) : name;
    const known = bars.get(group ? label : at);
    if (values.length === 0 || left-- <= 0 || (!known && bars.size >= most)) return [];
    const bar = known ?? { place: bars.size, label: titles[label] ?? label, color: colors[label] || color };
    bars.set(group ? label : at, bar);
    return values.map((row) => ({ ...row, ...bar }));
  });
}

/** Null where no run has one of the metrics. */
export function barSpec(panel: BarPanel, runs: readonly DrawnRun[]): PlotSpec | null {
  const values = barRows(panel, runs);
  if (values.length === 0) return null;
  const isAggregated = panel.group_by !== null || (panel.type === "scalar" && values.length > 1);
  const aggregate = ["mean", "min", "max", "median", "sum"].includes(panel.aggregate) ? panel.aggregate : "mean";
  const [amountTitle, categoryTitle] = panel.is_vertical ? [panel.y_title, panel.x_title] : [panel.x_title, panel.y_title];
  const amount = { field: "value", type: "quantitative", title: amountTitle || null, ...(isAggregated ? { aggregate } : {}) };
  const several = panel.metrics.length > 1;
  if (panel.type === "scalar")
    return { data: { values }, mark: { type: "text", fontSize: 34, fontWeight: 650 }, encoding: { text: { ...amount, format: ".4~g" }, ...(several ? { row: { field: "metric", title: null } } : {}) } };
  const labels: string[] = [];
  for (const { place, label } of values) labels[place] = label.replace(/\s+/g, " "); // no text of an expression has the ends of lines
  const category = { field: "place", type: "nominal", title: categoryTitle || null, sort: null, axis: { labelExpr: `${JSON.stringify(labels)}[datum.value]` } };
  const offset = several ? { [panel.is_vertical ? "xOffset" : "yOffset"]: { field: "metric" } } : {};
  const color = several ? { field: "metric", type: "nominal", title: null } : { field: "color", type: "nominal", scale: null };
  const tooltip = [{ field: "label", title: " " }, { field: "metric", title: t("sweep.metric") }, { ...amount, title: t("sweep.value") }];
  const axis = panel.x_range.some((end) => end !== null) ? { ...amount, scale: { ...scaleOf(panel.x_range, false), zero: panel.x_range[0] === null } } : amount;
  return { data: { values }, mark: { type: "bar", clip: true }, encoding: { ...(panel.is_vertical ? { x: category, y: axis } : { y: category, x: axis }), ...offset, color, tooltip } };
}
