/** How charts are drawn: kept in the address, so that a copied link shows the same. */
import { useCallback, useMemo } from "react";
import { setSearch, useSearch } from "../lib/router";
import type { XAxis } from "../lib/transform";
import type { Zoom } from "./Chart";
import type { ChartSettings } from "./plot";

const AXES: readonly string[] = ["step", "relative", "wall"];

export interface ChartView {
  settings: ChartSettings;
  search: string;
  zoom: Zoom;
  set: (changes: Record<string, string | null>) => void;
  setZoom: (zoom: Zoom) => void;
}

export function useChartView(): ChartView {
  const query = useSearch();
  const [x, smooth, log, fit, zoomText] = ["x", "smooth", "log", "fit", "zoom"].map((name) => query.get(name) ?? "");
  const settings = useMemo<ChartSettings>(
    () => ({
      axis: (AXES.includes(x ?? "") ? x : "step") as XAxis,
      smoothing: Math.min(0.99, Math.max(0, Number(smooth) || 0)),
      logX: (log ?? "").includes("x"),
      logY: (log ?? "").includes("y"),
      outliers: fit !== "calm",
    }),
    [x, smooth, log, fit],
  );
  const zoom = useMemo<Zoom>(() => {
    const [min, max] = (zoomText ?? "").split("..").map(Number);
    return zoomText && min !== undefined && max !== undefined && Number.isFinite(min) && max > min ? [min, max] : null;
  }, [zoomText]);
  const set = useCallback((changes: Record<string, string | null>) => setSearch(changes), []);
  const setZoom = useCallback((next: Zoom) => setSearch({ zoom: next ? `${+next[0].toPrecision(12)}..${+next[1].toPrecision(12)}` : null }), []);
  return { settings, search: query.get("m") ?? "", zoom, set, setZoom };
}

/** The metrics that a search text lets pass: a regular expression, or plain words while it is not one (yet). */
export function metricFilter(text: string): (name: string) => boolean {
  if (!text) return () => true;
  try {
    const expression = new RegExp(text, "i");
    return (name) => expression.test(name);
  } catch {
    return (name) => name.toLowerCase().includes(text.toLowerCase());
  }
}

/** `train/loss` stands in section `train`; a name without a slash in the first one. */
export function sections(names: readonly string[]): [string, string[]][] {
  const found = new Map<string, string[]>();
  for (const name of [...names].sort()) {
    const at = name.indexOf("/");
    const section = at > 0 ? name.slice(0, at) : "";
    found.set(section, [...(found.get(section) ?? []), name]);
  }
  const rank = (section: string) => (section === "" ? 0 : /^(val|valid|test|eval)/.test(section) ? 1 : section === "train" ? 2 : section === "system" ? 9 : 3);
  return [...found.entries()].sort((a, b) => rank(a[0]) - rank(b[0]) || a[0].localeCompare(b[0]));
}
