import { type PointerEvent, type ReactElement, useMemo, useRef, useState } from "react";
import type { Json } from "../api/types";
import { formatValue } from "../lib/format";
import { channels } from "../lib/palette";
import { useDark } from "../lib/theme";
import { useWidth } from "../lib/width";
import { t } from "../messages";
import { type AxisWish, type PlacedAxis, placedAxis } from "./parallel";

export interface ParallelLine {
  id: string;
  title: string;
  values: Record<string, Json | undefined>;
}

interface Props {
  axes: readonly AxisWish[];
  lines: readonly ParallelLine[];
  /** The axis whose value colours the lines. */
  colorBy: string;
  /** Whether the least value is the best, which stands out. */
  lessIsBetter?: boolean;
  label: string;
  onPick?: (id: string) => void;
}

type Band = readonly [number, number];

const HEIGHT = 300;
const TOP = 34;
const BOTTOM = 14;
const EDGE = 56;
const LEAST = 96; // pixels between two axes
const MOST = 1500; // lines

/** One line a trial, one axis a parameter. Dragging along an axis keeps the lines that pass there. */
export function Parallel({ axes, lines, colorBy, lessIsBetter = false, label, onPick }: Props): ReactElement {
  const [holder, available] = useWidth<HTMLDivElement>();
  const [bands, setBands] = useState<Record<string, Band>>({});
  const dark = useDark();
  const shown = lines.slice(-MOST);
  const placed = useMemo(() => axes.map((axis) => placedAxis(axis, shown.map((line) => line.values[axis.name]))), [axes, lines]);
  const width = Math.max(available, EDGE * 2 + LEAST * Math.max(1, axes.length - 1));
  const x = (at: number) => (placed.length < 2 ? width / 2 : EDGE + ((width - 2 * EDGE) * at) / (placed.length - 1));
  const colorAxis = placed.find((axis) => axis.name === colorBy);
  const tone = (line: ParallelLine) => {
    const at = colorAxis?.place(line.values[colorBy]) ?? null;
    return color(at !== null && lessIsBetter ? 1 - at : at, dark);
  };
  const passes = (line: ParallelLine) => placed.every((axis) => within(axis.place(line.values[axis.name]), bands[axis.name]));
  const [out, kept] = [shown.filter((line) => !passes(line)), shown.filter(passes)];
  const mark = (line: ParallelLine, isKept: boolean) => (
    <path key={line.id} d={path(line, placed, x)} stroke={isKept ? tone(line) : "var(--line-2)"} className={isKept ? "kept" : "out"} onClick={() => isKept && onPick?.(line.id)}>
      <title>{[line.title, ...placed.map((axis) => `${axis.title}: ${formatValue(line.values[axis.name])}`)].join("\n")}</title>
    </path>
  );
  return (
    <div className="parallel" ref={holder} tabIndex={0} role="region" aria-label={label}>
      <svg width={width} height={HEIGHT} data-kept={kept.length}>
        <g className={onPick ? "parallel-lines picks" : "parallel-lines"}>
          {out.map((line) => mark(line, false))}
          {kept.map((line) => mark(line, true))}
        </g>
        {placed.map((axis, at) => (
          <Axis key={axis.name} axis={axis} x={x(at)} band={bands[axis.name]} onBand={(band) => setBands(changed(bands, axis.name, band))} />
        ))}
      </svg>
    </div>
  );
}

const y = (at: number) => TOP + (1 - at) * (HEIGHT - TOP - BOTTOM);
const within = (at: number | null, band: Band | undefined) => band === undefined || (at !== null && at >= band[0] && at <= band[1]);

function changed(bands: Record<string, Band>, name: string, band: Band | null): Record<string, Band> {
  const { [name]: _old, ...others } = bands;
  return band ? { ...others, [name]: band } : others;
}

/** The line through the axes; where a value is missing, it has a gap. */
function path(line: ParallelLine, axes: readonly PlacedAxis[], x: (at: number) => number): string {
  let isDown = false;
  return axes
    .map((axis, at) => {
      const place = axis.place(line.values[axis.name]);
      const step = place === null ? "" : `${isDown ? "L" : "M"}${x(at).toFixed(1)} ${y(place).toFixed(1)}`;
      isDown = place !== null;
      return step;
    })
    .join("");
}

type Rgb = readonly [number, number, number];
const scale = (low: string, middle: string, high: string): readonly [Rgb, Rgb, Rgb] => [channels(low), channels(middle), channels(high)];
const SCALES = { light: scale("#c9d7d2", "#2d9cc4", "#3b1f7a"), dark: scale("#3a4a52", "#2fc79f", "#f7e36b") };

function color(at: number | null, dark: boolean): string {
  if (at === null) return "var(--line-2)";
  const [low, middle, high] = dark ? SCALES.dark : SCALES.light;
  const [from, to, part] = at < 0.5 ? [low, middle, at * 2] : [middle, high, at * 2 - 1];
  return `rgb(${from.map((value, index) => Math.round(value + ((to[index] ?? 0) - value) * part)).join(" ")})`;
}

function Axis({ axis, x, band, onBand }: { axis: PlacedAxis; x: number; band: Band | undefined; onBand: (band: Band | null) => void }): ReactElement {
  const begun = useRef<number | null>(null);
  const placeOf = (event: PointerEvent<SVGRectElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(1, Math.max(0, 1 - (event.clientY - box.top - 8) / (HEIGHT - TOP - BOTTOM)));
  };
  return (
    <g transform={`translate(${x} 0)`} className="parallel-axis">
      <text y={16} textAnchor="middle" className="parallel-title">
        {axis.title.length > 22 ? `…${axis.title.slice(-21)}` : axis.title}
        <title>{axis.title}</title>
      </text>
      <line y1={y(0)} y2={y(1)} />
      {axis.ticks.map((tick) => (
        <text key={tick.text} x={5} y={y(tick.at) + 3}>
          {tick.text.length > 14 ? `${tick.text.slice(0, 13)}…` : tick.text}
        </text>
      ))}
      {band && <rect className="parallel-band" x={-6} width={12} y={y(band[1])} height={Math.max(2, y(band[0]) - y(band[1]))} />}
      <rect
        className="parallel-grip"
        x={-14}
        width={28}
        y={TOP - 8}
        height={HEIGHT - TOP - BOTTOM + 16}
        aria-label={t("sweep.parallel.hint")}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          begun.current = placeOf(event);
          onBand(null);
        }}
        onPointerMove={(event) => {
          if (begun.current === null) return;
          const at = placeOf(event);
          if (Math.abs(at - begun.current) > 0.01) onBand([Math.min(at, begun.current), Math.max(at, begun.current)]);
        }}
        onPointerUp={() => {
          begun.current = null;
        }}
      />
    </g>
  );
}
