/** What runs logged under a key, by step. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api/client";
import type { MetricKey, Run, Series } from "../api/types";
import { isHidden, isSystem } from "../lib/keys";
import { toNumber } from "../lib/format";
import { type Visual, visualsOf } from "../plots/builtin";
import { ownConfig } from "./overlays";
import { type Item, itemsOf } from "./pointer";

export interface Logged {
  step: number;
  items: Item[];
}

/** A panel: a key and, where a run wants its table seen as a plot, how. */
export interface Entry {
  name: string;
  key: string;
  visual: Visual | null;
}

/** The panels of runs: plots take the place of the tables that they draw. */
export function entriesOf(keys: readonly MetricKey[], runs: readonly Run[]): Entry[] {
  const visuals = new Map(runs.flatMap((run) => visualsOf(ownConfig(run)).map((visual) => [visual.key, visual] as const)));
  const drawn = new Set([...visuals.values()].map((visual) => visual.table));
  const known = new Set(keys.map((key) => key.name));
  const plots = [...visuals.values()].filter((visual) => known.has(visual.table)).map((visual) => ({ name: visual.key, key: visual.table, visual }));
  const media = keys.filter((key) => isMedia(key, runs) && !drawn.has(key.name)).map((key) => ({ name: key.name, key: key.name, visual: null }));
  return [...plots, ...media].sort((a, b) => a.name.localeCompare(b.name));
}

function isMedia(key: MetricKey, runs: readonly Run[]): boolean {
  if (isSystem(key.name) || isHidden(key.name)) return false;
  if (key.kind === "media" || key.kind === "text") return true;
  return key.kind === "mixed" && runs.some((run) => itemsOf(run.metrics[key.name]?.last).length > 0);
}

const MOST = 3000; // steps of a run that a panel has; of more it has so many, evenly

export interface LoggedState {
  /** What each run logged, in the order of steps; null while it is fetched. */
  logged: Map<string, Logged[]> | null;
  /** How many steps a run has in all where not all of them are here, else 0. */
  total: number;
  error: unknown;
  retry: () => void;
}

export function useLogged(runs: readonly Run[], key: string, enabled: boolean): LoggedState {
  const ids = runs.map((run) => run.id);
  const counts = runs.map((run) => run.metrics[key]?.count ?? 0);
  const found = useQuery({
    queryKey: ["media", ids, key, counts],
    queryFn: ({ signal }) => api.history(ids, [key], MOST, signal),
    enabled,
    placeholderData: (before) => before,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
  const logged = useMemo(() => (found.data ? new Map(ids.map((id) => [id, loggedOf(found.data[id]?.[key])])) : null), [found.data, key]);
  const total = Math.max(0, ...ids.map((id) => (found.data?.[id]?.[key]?.sampled ? (found.data[id]?.[key]?.total ?? 0) : 0)));
  return { logged, total, error: found.error, retry: () => void found.refetch() };
}

function loggedOf(series: Series | undefined): Logged[] {
  if (!series) return [];
  const byStep = new Map<number, Item[]>();
  series.values.forEach((value, at) => {
    const items = itemsOf(value);
    if (items.length > 0) byStep.set(toNumber(series.steps[at]) ?? at, items);
  });
  return [...byStep.entries()].map(([step, items]) => ({ step, items })).sort((a, b) => a.step - b.step);
}

/** The latest of what was logged at or before a step; the last of all without one. */
export function loggedAt(logged: readonly Logged[], step: number | null): Logged | undefined {
  return step === null ? logged.at(-1) : logged.findLast((one) => one.step <= step);
}
