import type { ReactElement } from "react";
import type uPlot from "uplot";
import { formatNumber } from "../lib/format";
import { indexAt, type XAxis } from "../lib/transform";
import { t } from "../messages";
import { axisValue, type PlotData } from "./plot";

const SHOWN = 12;

interface Row {
  label: string;
  color: string;
  value: number;
  run: string;
}

export interface Reading {
  x: number;
  left: number;
  top: number;
  rows: Row[];
  nearest: string;
}

/** What all runs have at the cursor: the latest point at or before it, largest value first. A run that ended is left out. */
export function readingAt(plot: uPlot, lines: PlotData["lines"], left: number, top: number): Reading | null {
  const x = plot.data[0]?.[plot.posToIdx(left)];
  if (x === undefined) return null;
  const rows: (Row & { distance: number })[] = [];
  for (const { run, ghost, line } of lines) {
    if (ghost || (line.x.at(-1) ?? Number.NEGATIVE_INFINITY) < x) continue;
    const value = line.y[indexAt(line.x, x)];
    if (typeof value !== "number") continue;
    rows.push({ label: run.name, color: run.color, value, run: run.id, distance: Math.abs(plot.valToPos(value, "y") - top) });
  }
  if (rows.length === 0) return null;
  const nearest = rows.reduce((best, row) => (row.distance < best.distance ? row : best));
  rows.sort((a, b) => b.value - a.value);
  const start = Math.max(0, Math.min(rows.indexOf(nearest) - SHOWN / 2, rows.length - SHOWN));
  return { x, left, top, rows: rows.slice(start, start + SHOWN), nearest: nearest.distance < 40 ? nearest.run : "" };
}

/** `name` is the metric that stands for the step, where one does. */
export function Tooltip({ reading, axis, name, width }: { reading: Reading; axis: XAxis; name: string; width: number }): ReactElement {
  const right = reading.left > width / 2;
  return (
    <div
      className="tooltip"
      role="status"
      aria-live="off"
      style={{ top: 8, ...(right ? { right: Math.max(8, width - reading.left - 36) } : { left: reading.left + 70 }) }}
    >
      <div className="tooltip-x">
        {name || t(`axis.${axis}`)} {axisValue(axis, reading.x)}
      </div>
      {reading.rows.map((row) => (
        <div key={row.run + row.label} className={row.run === reading.nearest ? "tooltip-row nearest" : "tooltip-row"}>
          <i className="swatch" style={{ background: row.color }} />
          <span className="tooltip-name">{row.label}</span>
          <b>{formatNumber(row.value)}</b>
        </div>
      ))}
    </div>
  );
}
