import { type MouseEvent, type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import { formatNumber } from "../lib/format";
import { channels } from "../lib/palette";
import { useDark } from "../lib/theme";
import { t } from "../messages";
import { type HeatMap, heatMap, type Point } from "./heat";
import type { Bins } from "./pointer";

/** How values were distributed at one step. */
export function HistogramView({ bins }: { bins: Bins }): ReactElement {
  const { counts, edges } = bins;
  const [low, high] = [edges[0] ?? 0, edges.at(-1) ?? 1];
  const density = counts.map((count, at) => count / Math.max(Number.EPSILON, (edges[at + 1] ?? 0) - (edges[at] ?? 0)));
  const most = Math.max(Number.MIN_VALUE, ...density);
  const x = (value: number) => ((value - low) / (high - low || 1)) * 100;
  return (
    <figure className="histogram">
      <svg viewBox="0 0 100 50" preserveAspectRatio="none" role="img" aria-label={counts.join(", ")}>
        {counts.map((count, at) => {
          const [left, right] = [x(edges[at] ?? 0), x(edges[at + 1] ?? 0)];
          const height = ((density[at] ?? 0) / most) * 48;
          return (
            <rect key={at} x={left} width={Math.max(0.1, (right - left) * 0.94)} y={50 - height} height={height}>
              <title>{`${formatNumber(edges[at])} – ${formatNumber(edges[at + 1])}: ${formatNumber(count)}`}</title>
            </rect>
          );
        })}
      </svg>
      <figcaption>
        <span>{formatNumber(low)}</span>
        <span>{formatNumber(high)}</span>
      </figcaption>
    </figure>
  );
}

interface HeatProps {
  points: readonly Point[];
  step: number;
  onStep: (step: number) => void;
}

/** Histograms over steps: a column for each, darker where more values are. A click chooses the step. */
export function HistogramHeat({ points, step, onStep }: HeatProps): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = useDark();
  const [said, setSaid] = useState("");
  const map = useMemo(() => heatMap(points), [points]);
  useEffect(() => {
    if (canvas.current) paint(canvas.current, map);
  }, [map, dark]);
  const columnAt = (event: MouseEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return { column: clamp(Math.floor(((event.clientX - box.left) / box.width) * map.steps.length), map.steps.length), row: clamp(Math.floor((1 - (event.clientY - box.top) / box.height) * map.rows), map.rows) };
  };
  const say = (event: MouseEvent<HTMLElement>) => {
    const { column, row } = columnAt(event);
    const at = (edge: number) => formatNumber(map.low + ((map.high - map.low) * edge) / map.rows, 4);
    setSaid(`${t("media.step", { step: formatNumber(map.steps[column], 9) })} · ${at(row)} – ${at(row + 1)}: ${formatNumber(map.cells[column * map.rows + row], 4)}`);
  };
  const chosen = map.steps.findLastIndex((one) => one <= step);
  return (
    <figure className="heat">
      <div className="heat-frame" onMouseMove={say} onMouseLeave={() => setSaid("")} onClick={(event) => onStep(map.steps[columnAt(event).column] ?? 0)}>
        <canvas ref={canvas} width={map.steps.length} height={map.rows} role="img" aria-label={t("media.heat")} />
        {chosen >= 0 && <i style={{ left: `${((chosen + 0.5) / map.steps.length) * 100}%` }} />}
        <span className="heat-high">{formatNumber(map.high, 4)}</span>
        <span className="heat-low">{formatNumber(map.low, 4)}</span>
      </div>
      <figcaption>
        <span>{formatNumber(map.steps[0], 9)}</span>
        <span>{said || t("media.heat.steps")}</span>
        <span>{formatNumber(map.steps.at(-1), 9)}</span>
      </figcaption>
    </figure>
  );
}

const clamp = (index: number, count: number) => Math.max(0, Math.min(count - 1, index));

function paint(canvas: HTMLCanvasElement, map: HeatMap): void {
  const context = canvas.getContext("2d");
  if (!context || map.steps.length === 0) return;
  const accent = channels(getComputedStyle(canvas).getPropertyValue("--accent").trim());
  const pixels = context.createImageData(map.steps.length, map.rows);
  for (let column = 0; column < map.steps.length; column++) {
    const cells = map.cells.subarray(column * map.rows, (column + 1) * map.rows);
    const most = Math.max(Number.MIN_VALUE, ...cells);
    cells.forEach((cell, row) => pixels.data.set([...accent, Math.round(Math.sqrt(cell / most) * 255)], ((map.rows - 1 - row) * map.steps.length + column) * 4));
  }
  context.putImageData(pixels, 0, 0);
}
