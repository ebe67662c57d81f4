/** One uPlot of many runs: options, data, cursor shared by all charts of a page. */
import uPlot from "uplot";
import { calmRange, type Line, smooth, toLine, type XAxis } from "../lib/transform";
import type { MetricDefinition, Series } from "../api/types";
import { formatDuration, formatNumber } from "../lib/format";

/** Up to so many values a line is drawn as points too. */
const SPARSE = 3;
/** With more lines than this the points under the cursor would hide them. */
const MARKED = 24;

export interface ChartSettings {
  axis: XAxis;
  smoothing: number;
  logX: boolean;
  logY: boolean;
  outliers: boolean; // true: the range shows every value
}

export interface PlotRun {
  id: string;
  name: string;
  color: string;
  dash: number[] | undefined;
  baseline: boolean;
  origin: number;
  definitions?: Record<string, MetricDefinition> | undefined;
}

export interface PlotData {
  aligned: uPlot.AlignedData;
  /** The run of each uPlot series from 1 on; a raw ghost has the same run as its smoothed line. */
  lines: { run: PlotRun; ghost: boolean; line: Line }[];
}

export function plotData(runs: readonly PlotRun[], series: (run: string) => Series | null, settings: ChartSettings): PlotData {
  const lines: PlotData["lines"] = [];
  for (const run of runs) {
    const found = series(run.id);
    if (!found || found.values.length === 0) continue;
    const raw = toLine(found, settings.axis, run.origin);
    if (settings.smoothing > 0) {
      lines.push({ run, ghost: true, line: raw });
      lines.push({ run, ghost: false, line: { x: raw.x, y: smooth(raw.y, settings.smoothing) } });
    } else lines.push({ run, ghost: false, line: raw });
  }
  if (lines.length === 0) return { aligned: [[]], lines };
  const positive = (line: Line): uPlot.AlignedData => {
    const keep = settings.logX ? line.x.map((x) => x > 0) : null;
    const x = keep ? line.x.filter((_, i) => keep[i]) : line.x;
    const y = keep ? line.y.filter((_, i) => keep[i]) : line.y;
    return [x, settings.logY ? y.map((value) => (value !== null && value > 0 ? value : null)) : y];
  };
  const tables = lines.map(({ line }) => positive(line));
  // A null (NaN) is a gap of its line; where only other runs have a point, the line goes straight on.
  const aligned = tables.length === 1 ? (tables[0] ?? [[]]) : uPlot.join(tables, tables.map(() => [1, 1]));
  return { aligned, lines };
}

export interface PlotTheme {
  text: string;
  grid: string;
  font: string;
}

export function readTheme(element: Element): PlotTheme {
  const style = getComputedStyle(element);
  return {
    text: style.getPropertyValue("--text-2").trim(),
    grid: style.getPropertyValue("--line").trim(),
    font: `11px ${style.fontFamily}`,
  };
}

export function axisValue(axis: XAxis, value: number): string {
  if (axis === "step") return formatNumber(value, 7);
  if (axis === "relative") return formatDuration(value * 1e6);
  const time = new Date(value * 1000);
  const pad = (part: number) => String(part).padStart(2, "0");
  return `${pad(time.getMonth() + 1)}-${pad(time.getDate())} ${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
}

function withAlpha(color: string, alpha: string): string {
  return color.startsWith("#") && color.length === 7 ? color + alpha : color;
}

export function plotOptions(
  width: number,
  height: number,
  data: PlotData,
  settings: ChartSettings,
  theme: PlotTheme,
  sync: string,
  hooks: uPlot.Hooks.Arrays,
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: theme.text,
    font: theme.font,
    grid: { stroke: theme.grid, width: 1 },
    ticks: { show: false },
    gap: 6,
  };
  const yValues = () => data.lines.map((_, i) => (data.aligned[i + 1] ?? []) as (number | null | undefined)[]);
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    scales: {
      x: { time: settings.axis === "wall", distr: settings.logX ? 3 : 1 },
      y: {
        distr: settings.logY ? 3 : 1,
        ...(settings.outliers || settings.logY
          ? {}
          : { range: (_u, min, max) => calmRange(yValues()) ?? [min ?? 0, max ?? 1] }),
      },
    },
    axes: [
      {
        ...axis,
        size: 26,
        ...(settings.axis === "wall"
          ? {}
          : { values: (_u: uPlot, values: number[]) => values.map((v) => (v === null ? "" : settings.axis === "step" ? compact(v) : formatDuration(v * 1e6))) }),
      },
      { ...axis, size: 52, values: (_u, values) => values.map((v) => (v === null ? "" : formatNumber(v, 4))) },
    ],
    cursor: {
      sync: { key: sync, setSeries: false },
      points: { size: 6, show: data.lines.length <= MARKED },
      drag: { x: true, y: false, setScale: true },
      focus: { prox: 24 },
    },
    focus: { alpha: 0.25 },
    series: [
      {},
      ...data.lines.map(({ run, ghost }) => ({
        label: run.name,
        stroke: ghost ? withAlpha(run.color, "40") : run.color,
        width: ghost ? 1 : run.baseline ? 2 : 1.5,
        ...(run.baseline && !ghost ? { dash: [4, 4] } : run.dash && !ghost ? { dash: run.dash } : {}),
        points: { size: 5, fill: ghost ? withAlpha(run.color, "40") : run.color, show: isSparse },
        spanGaps: false,
      })),
    ],
    hooks,
  };
}

/** A line of very few values (a metric logged once) is drawn as points: alone they would make no line. */
function isSparse(plot: uPlot, series: number): boolean {
  let found = 0;
  for (const value of plot.data[series] ?? []) if (value !== null && value !== undefined && ++found > SPARSE) return false;
  return true;
}

function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${Number((value / 1e9).toPrecision(4))}G`;
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
  return formatNumber(value, 4);
}
