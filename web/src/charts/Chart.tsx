import { type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import type { Series } from "../api/types";
import { hoveredRun, onHover, setHovered } from "../lib/hover";
import { overMetric, stepMetricOf } from "../lib/stepMetric";
import { useDark } from "../lib/theme";
import { type ChartSettings, plotData, type PlotData, plotOptions, type PlotRun, readTheme } from "./plot";
import { seriesStore, useSeriesVersion } from "./store";
import { type Reading, readingAt, Tooltip } from "./Tooltip";

export type Zoom = [number, number] | null;

interface Props {
  metric: string;
  runs: readonly PlotRun[];
  settings: ChartSettings;
  height: number;
  zoom: Zoom;
  onZoom: (zoom: Zoom) => void;
  sync: string;
}

/** The lines of one metric. New points keep the zoom; only a change of runs or settings builds the plot anew. */
export function Chart({ metric, runs, settings, height, zoom, onZoom, sync }: Props): ReactElement {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [reading, setReading] = useState<Reading | null>(null);
  const version = useSeriesVersion(metric);
  const over = stepMetric(runs, metric, settings);
  const overVersion = useSeriesVersion(over);
  const dark = useDark();
  const data = useMemo(
    () => plotData(runs, (run) => seriesOver(run, metric, over), settings),
    // The versions say that the store holds other points than before.
    [runs, metric, over, settings, version, overVersion],
  );
  const latest = useRef({ data, zoom, onZoom });
  latest.current = { data, zoom, onZoom };
  const shape = data.lines.map(({ run, ghost }) => `${run.id}${ghost ? "~" : ""}${run.color}${run.baseline}`).join();

  useEffect(() => {
    const element = holder.current;
    if (!element || latest.current.data.lines.length === 0) return;
    const built = build(element, () => latest.current.data, settings, height, sync, setReading, (next) => latest.current.onZoom(next));
    plot.current = built;
    applyZoom(built, latest.current.zoom);
    const stopHover = onHover(() => focusRun(built, latest.current.data, hoveredRun()));
    const observer = new ResizeObserver(() => built.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      stopHover();
      built.destroy();
      plot.current = null;
      setReading(null);
    };
  }, [shape, settings, height, sync, dark]);

  useEffect(() => {
    const built = plot.current;
    if (!built || built.data === data.aligned || data.lines.length === 0) return;
    built.setData(data.aligned, latest.current.zoom === null);
    if (latest.current.zoom) applyZoom(built, latest.current.zoom);
  }, [data]);

  useEffect(() => {
    if (plot.current) applyZoom(plot.current, zoom);
  }, [zoom?.[0], zoom?.[1]]);

  return (
    <div className="chart-plot" ref={holder} style={{ height }} data-metric={metric} data-points={data.aligned[0]?.length ?? 0}>
      {reading && <Tooltip reading={reading} axis={settings.axis} name={over} width={holder.current?.clientWidth ?? 300} />}
    </div>
  );
}

/** The metric that stands for the step here; empty where that is the step itself. */
export function stepMetric(runs: readonly PlotRun[], metric: string, settings: ChartSettings): string {
  return settings.axis === "step" ? (runs.map((run) => stepMetricOf(run.definitions, metric)).find(Boolean) ?? "") : "";
}

function seriesOver(run: string, metric: string, over: string): Series | null {
  const [series, steps] = [seriesStore.get(run, metric), over ? seriesStore.get(run, over) : null];
  return series && steps ? overMetric(series, steps) : series;
}

function applyZoom(plot: uPlot, zoom: Zoom): void {
  if (zoom) plot.setScale("x", { min: zoom[0], max: zoom[1] });
  else {
    const x = plot.data[0];
    const [min, max] = [x?.[0], x?.[x.length - 1]];
    if (min !== undefined && max !== undefined) plot.setScale("x", { min, max: max === min ? min + 1 : max });
  }
}

function focusRun(plot: uPlot, data: PlotData, run: string): void {
  const index = run ? data.lines.findIndex((item) => item.run.id === run && !item.ghost) : -1;
  plot.setSeries(index < 0 ? null : index + 1, { focus: true }, false);
}

function build(
  element: HTMLElement,
  current: () => PlotData,
  settings: ChartSettings,
  height: number,
  sync: string,
  onReading: (reading: Reading | null) => void,
  onZoom: (zoom: Zoom) => void,
): uPlot {
  let inside = false;
  const hooks: uPlot.Hooks.Arrays = {
    setCursor: [
      (u) => {
        const { left = -1, top = -1 } = u.cursor;
        if (!inside || left < 0) return;
        const next = readingAt(u, current().lines, left, top);
        onReading(next);
        setHovered(next?.nearest ?? "");
      },
    ],
    setSelect: [
      (u) => {
        if (u.select.width < 4) return;
        onZoom([u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")]);
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      },
    ],
  };
  const data = current();
  const options = plotOptions(Math.max(120, element.clientWidth), height, data, settings, readTheme(element), sync, hooks);
  const plot = new uPlot(options, data.aligned, element);
  plot.over.addEventListener("mouseenter", () => {
    inside = true;
  });
  plot.over.addEventListener("mouseleave", () => {
    inside = false;
    onReading(null);
    setHovered("");
  });
  plot.over.addEventListener("dblclick", () => onZoom(null));
  return plot;
}
