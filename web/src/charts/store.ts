/** The series that charts on screen need: fetched in batches, extended live, shared by all charts. */
import { useSyncExternalStore } from "react";
import { api } from "../api/client";
import type { Series } from "../api/types";

const SAMPLES = 800;
const BATCH_DELAY = 25;
const MAX_KEYS = 24;
/** Points that a stream may send again: it begins a little before the history was read. */
const OVERLAP = 256;
const RESAMPLE_AT = 3 * SAMPLES;

type State = "loading" | "ready" | "error";

interface Held {
  state: State;
  series: Series | null;
}

/** run + "\0" + key: run ids are hexadecimal, so the pair cannot be mistaken. */
const pair = (run: string, key: string) => `${run}\0${key}`;

export class SeriesStore {
  private held = new Map<string, Held>();
  private wanted = new Map<string, Set<string>>();
  private versions = new Map<string, number>();
  private listeners = new Map<string, Set<() => void>>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** What the last failed batch said; null after a good one. */
  failure: unknown = null;

  get(run: string, key: string): Series | null {
    return this.held.get(pair(run, key))?.series ?? null;
  }

  state(runs: readonly string[], key: string): State {
    const states = runs.map((run) => this.held.get(pair(run, key))?.state ?? "loading");
    return states.includes("loading") ? "loading" : states.includes("error") ? "error" : "ready";
  }

  version = (key: string): number => this.versions.get(key) ?? 0;

  subscribe(key: string, listener: () => void): () => void {
    let listeners = this.listeners.get(key);
    if (!listeners) this.listeners.set(key, (listeners = new Set()));
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Fetch what is not held yet, with whatever else is asked for in the same moment. */
  want(runs: readonly string[], key: string): void {
    const missing = runs.filter((run) => !this.held.has(pair(run, key)));
    if (missing.length === 0) return;
    let set = this.wanted.get(key);
    if (!set) this.wanted.set(key, (set = new Set()));
    for (const run of missing) {
      this.held.set(pair(run, key), { state: "loading", series: null });
      set.add(run);
    }
    this.timer ??= setTimeout(() => this.flush(), BATCH_DELAY);
  }

  /** Forget what failed, so that it is asked for again. */
  retry(): void {
    for (const [name, item] of this.held) if (item.state === "error") this.held.delete(name);
    this.failure = null;
    for (const key of this.listeners.keys()) this.changed(key);
  }

  /** New points of a run. Only series that a chart has asked for are kept. */
  extend(run: string, news: Record<string, Series>): void {
    for (const [key, added] of Object.entries(news)) {
      const item = this.held.get(pair(run, key));
      if (!item?.series || item.state !== "ready") continue;
      const old = item.series;
      const known = new Set<string>();
      for (let i = Math.max(0, old.steps.length - added.steps.length - OVERLAP); i < old.steps.length; i++) known.add(`${old.steps[i]} ${old.times[i]}`);
      const fresh = added.steps.flatMap((step, i) => (known.has(`${step} ${added.times[i]}`) ? [] : [i]));
      if (fresh.length === 0) continue;
      item.series = {
        ...old,
        kind: old.values.length ? old.kind : added.kind,
        steps: old.steps.concat(fresh.map((i) => added.steps[i] ?? i)),
        times: old.times.concat(fresh.map((i) => added.times[i] ?? 0)),
        values: old.values.concat(fresh.map((i) => added.values[i] ?? null)),
      };
      this.changed(key);
      if (item.series.values.length > RESAMPLE_AT) this.refresh([run], key);
    }
  }

  /** Fetch again what may be stale; what is shown stays until the answer is here. */
  refresh(runs: readonly string[], only?: string): void {
    const chosen = new Set(runs);
    for (const name of this.held.keys()) {
      const [run = "", key = ""] = name.split("\0");
      if (!chosen.has(run) || (only !== undefined && key !== only)) continue;
      let set = this.wanted.get(key);
      if (!set) this.wanted.set(key, (set = new Set()));
      set.add(run);
    }
    if (this.wanted.size) this.timer ??= setTimeout(() => this.flush(), BATCH_DELAY);
  }

  private changed(key: string): void {
    this.versions.set(key, this.version(key) + 1);
    this.listeners.get(key)?.forEach((listener) => listener());
  }

  private flush(): void {
    this.timer = undefined;
    const wanted = this.wanted;
    this.wanted = new Map();
    const batches = new Map<string, { runs: string[]; keys: string[] }[]>();
    for (const [key, runs] of wanted) {
      const list = [...runs].sort();
      const name = list.join();
      const known = batches.get(name) ?? [];
      const open = known.at(-1);
      if (open && open.keys.length < MAX_KEYS) open.keys.push(key);
      else known.push({ runs: list, keys: [key] });
      batches.set(name, known);
    }
    for (const group of batches.values()) for (const batch of group) void this.load(batch.runs, batch.keys);
  }

  private async load(runs: string[], keys: string[]): Promise<void> {
    try {
      const samples = Math.max(100, Math.min(SAMPLES, Math.floor(120_000 / runs.length)));
      const found = await api.history(runs, keys, samples);
      this.failure = null;
      for (const key of keys)
        for (const run of runs) this.held.set(pair(run, key), { state: "ready", series: found[run]?.[key] ?? null });
    } catch (error) {
      this.failure = error;
      for (const key of keys)
        for (const run of runs) {
          const old = this.held.get(pair(run, key));
          this.held.set(pair(run, key), { state: "error", series: old?.series ?? null });
        }
    }
    keys.forEach((key) => this.changed(key));
  }
}

export const seriesStore = new SeriesStore();

export function useSeriesVersion(key: string): number {
  return useSyncExternalStore(
    (listener) => seriesStore.subscribe(key, listener),
    () => seriesStore.version(key),
  );
}
