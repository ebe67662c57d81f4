/** Routes in the path, state in the query, both by the history API. */
import { useCallback, useMemo, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
const notify = () => listeners.forEach((listener) => listener());
window.addEventListener("popstate", notify);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function navigate(to: string, replace = false): void {
  if (to === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", to);
  else {
    history.pushState(null, "", to);
    window.scrollTo(0, 0);
  }
  notify();
}

export function usePath(): string[] {
  const path = useSyncExternalStore(subscribe, () => location.pathname);
  return useMemo(() => path.split("/").filter(Boolean).map(decode), [path]);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function useSearch(): URLSearchParams {
  const search = useSyncExternalStore(subscribe, () => location.search);
  return useMemo(() => new URLSearchParams(search), [search]);
}

/** Changes of the query: null or "" removes a key. Typing replaces the entry, a choice makes one. */
export function setSearch(changes: Record<string, string | null>, replace = true): void {
  const search = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === "") search.delete(key);
    else search.set(key, value);
  }
  const text = search.toString();
  navigate(location.pathname + (text ? `?${text}` : ""), replace);
}

export function useParam(name: string, fallback = ""): [string, (value: string) => void] {
  const value = useSearch().get(name) ?? fallback;
  const set = useCallback((next: string) => setSearch({ [name]: next === fallback ? null : next }), [name, fallback]);
  return [value, set];
}

export const to = {
  projects: () => "/",
  waiting: () => "/reviews",
  project: (project: string) => `/p/${encodeURIComponent(project)}`,
  models: (project: string) => `/p/${encodeURIComponent(project)}/models`,
  model: (project: string, name: string) => `/p/${encodeURIComponent(project)}/models/${encodeURIComponent(name)}`,
  artifacts: (project: string) => `/p/${encodeURIComponent(project)}/artifacts`,
  artifact: (project: string, name: string, version = "") =>
    `/p/${encodeURIComponent(project)}/artifacts/${encodeURIComponent(name)}${version ? `?v=${version}` : ""}`,
  datasets: (project: string) => `/p/${encodeURIComponent(project)}/data`,
  dataset: (project: string, name: string, version = "") =>
    `/p/${encodeURIComponent(project)}/data?${new URLSearchParams({ of: name, ...(version ? { v: version } : {}) }).toString()}`,
  pipelines: (project: string) => `/p/${encodeURIComponent(project)}/pipelines`,
  pipeline: (project: string, group: string, stage = "") =>
    `/p/${encodeURIComponent(project)}/pipelines/${encodeURIComponent(group)}${stage ? `?${new URLSearchParams({ stage }).toString()}` : ""}`,
  sweeps: (project: string) => `/p/${encodeURIComponent(project)}/sweeps`,
  sweep: (project: string, sweep: string) => `/p/${encodeURIComponent(project)}/sweeps/${encodeURIComponent(sweep)}`,
  reports: (project: string) => `/p/${encodeURIComponent(project)}/reports`,
  report: (project: string, report: string) => `/p/${encodeURIComponent(project)}/reports/${encodeURIComponent(report)}`,
  /** The runs that a filter finds. */
  filtered: (project: string, filter: string) => `/p/${encodeURIComponent(project)}?${new URLSearchParams({ q: filter }).toString()}`,
  lineage: (project: string, of: string) => `/p/${encodeURIComponent(project)}/lineage?${new URLSearchParams({ of }).toString()}`,
  run: (run: string, tab = "") => `/runs/${encodeURIComponent(run)}${tab ? `/${tab}` : ""}`,
  why: (run: string, metric = "", against = "") =>
    `/runs/${encodeURIComponent(run)}/why?${new URLSearchParams({ ...(metric ? { metric } : {}), ...(against ? { against } : {}) }).toString()}`.replace(/\?$/, ""),
  compare: (project: string, runs: readonly string[]) =>
    `/p/${encodeURIComponent(project)}/compare?runs=${runs.join(",")}`,
};
