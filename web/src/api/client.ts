/** One place that talks to the server: paths, JSON, and errors that name their cause and the next step. */
import type { ChartDefinition, Report, ReportLink, ReportSummary } from "./reports";
import type { Sweep, SweepState, SweepSummary } from "./sweeps";
import type * as T from "./types";
import { formatSize } from "../lib/format";
import { t } from "../messages";

const BASE = "/api/v1";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export function pathOf(...parts: string[]): string {
  return BASE + parts.map((part) => `/${encodeURIComponent(part)}`).join("");
}

/** Like pathOf for a path of a file: its slashes stay. */
export function filePath(base: string, path: string): string {
  return `${base}/${path.split("/").map(encodeURIComponent).join("/")}`;
}

export function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === "") continue;
    if (Array.isArray(value)) for (const item of value as readonly string[]) search.append(key, item);
    else search.append(key, String(value));
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}

async function send(method: string, path: string, body?: unknown, signal?: AbortSignal, headers?: Record<string, string>): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { ...headers, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "", "");
  }
  if (response.ok) return response;
  let detail: { code?: string; message?: string; hint?: string } = {};
  try {
    detail = ((await response.json()) as { error?: typeof detail }).error ?? {};
  } catch {
    // A proxy in between may answer with something that is not ours: the status says what we know.
  }
  throw new ApiError(response.status, detail.code ?? "error", detail.message ?? response.statusText, detail.hint ?? "");
}

async function json<R>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<R> {
  const response = await send(method, path, body, signal);
  return (response.status === 204 ? {} : await response.json()) as R;
}

const get = <R>(path: string, signal?: AbortSignal) => json<R>("GET", path, undefined, signal);

export interface RunsQuery {
  filter?: string;
  text?: string;
  order_by?: readonly string[];
  keys?: readonly string[];
  limit?: number;
  cursor?: string;
  deleted?: string;
}

export const api = {
  me: (signal?: AbortSignal) => get<T.Me>(pathOf("me"), signal),
  signIn: (token: string) => json<unknown>("POST", pathOf("session"), { token }),
  projects: (signal?: AbortSignal) => get<{ projects: T.Project[] }>(pathOf("projects"), signal).then((r) => r.projects),

  runs: (project: string, query: RunsQuery, signal?: AbortSignal) =>
    get<T.RunPage>(withQuery(pathOf("projects", project, "runs"), { ...query }), signal),
  run: (run: string, signal?: AbortSignal) => get<T.Run>(pathOf("runs", run), signal),
  changeRun: (run: string, change: T.RunChange) => json<T.Run>("PATCH", pathOf("runs", run), change),
  deleteRun: (run: string) => json<T.Run>("POST", pathOf("runs", run, "delete")),
  restoreRun: (run: string) => json<T.Run>("POST", pathOf("runs", run, "restore")),

  metricKeys: (project: string, query: { contains?: string; run?: string | readonly string[]; limit?: number }, signal?: AbortSignal) =>
    get<{ keys: T.MetricKey[] }>(withQuery(pathOf("projects", project, "metrics"), query), signal).then((r) => r.keys),
  history: (runs: readonly string[], keys: readonly string[] | null, samples: number | null, signal?: AbortSignal) =>
    json<{ runs: Record<string, Record<string, T.Series>> }>(
      "POST",
      pathOf("history"),
      { runs, keys, samples },
      signal,
    ).then((r) => r.runs),
  console: (run: string, query: { after?: number; limit?: number; tail?: boolean }, signal?: AbortSignal) =>
    get<T.ConsolePage>(withQuery(pathOf("runs", run, "console"), query), signal),
  diff: async (run: string, signal?: AbortSignal) =>
    (await send("GET", pathOf("runs", run, "diff"), undefined, signal)).text(),
  runFile: (run: string, path: string) => filePath(pathOf("runs", run, "files"), path),
  /** The text of a file at an address of this server. */
  text: async (address: string, signal?: AbortSignal) => (await send("GET", address, undefined, signal)).text(),
  /** The bytes of a file, but of none that has more than `most`. */
  bytes: async (address: string, most: number, signal?: AbortSignal): Promise<ArrayBuffer> => {
    const response = await send("GET", address, undefined, signal);
    const size = Number(response.headers.get("content-length"));
    if (size <= most) return response.arrayBuffer();
    await response.body?.cancel();
    throw new ApiError(0, "large", t("error.large", { size: formatSize(size) }), t("scene.error.hint"));
  },

  collections: (project: string, type?: string, signal?: AbortSignal) =>
    get<{ collections: T.Collection[] }>(withQuery(pathOf("projects", project, "artifacts"), { type }), signal).then(
      (r) => r.collections,
    ),
  versions: (project: string, name: string, signal?: AbortSignal) =>
    get<{ versions: T.Version[] }>(pathOf("projects", project, "artifacts", name), signal).then((r) => r.versions),
  version: (project: string, name: string, ref: string, signal?: AbortSignal) =>
    get<T.Version>(pathOf("projects", project, "artifacts", name, ref), signal),
  versionFile: (project: string, name: string, ref: string, path: string) =>
    filePath(pathOf("projects", project, "artifacts", name, ref, "files"), path),
  pointers: (project: string, name: string, signal?: AbortSignal) =>
    get<{ changes: T.PointerChange[] }>(pathOf("projects", project, "artifacts", name, "history"), signal).then(
      (r) => r.changes,
    ),
  point: (
    project: string,
    name: string,
    alias: string,
    body: { number: number; expected?: number | null; reason?: string },
  ) => json<T.PointerChange>("PUT", pathOf("projects", project, "artifacts", name, "aliases", alias), body),

  modelHistory: (project: string, name: string, signal?: AbortSignal) =>
    get<{ changes: T.ModelChange[] }>(pathOf("projects", project, "models", name, "history"), signal).then((r) => r.changes),
  protections: (project: string, name: string, signal?: AbortSignal) =>
    get<{ protections: T.Protection[] }>(pathOf("projects", project, "models", name, "protections"), signal).then((r) => r.protections),
  requests: (project: string, name: string, signal?: AbortSignal) =>
    get<{ requests: T.MoveRequest[] }>(pathOf("projects", project, "models", name, "requests"), signal).then((r) => r.requests),
  /** The requests of all models that wait for the reader's word. */
  waiting: (signal?: AbortSignal) => get<{ requests: T.MoveRequest[] }>(pathOf("reviews"), signal).then((r) => r.requests),
  request: (project: string, name: string, body: { ref: string; alias: string; reason: string }) =>
    json<T.MoveRequest>("POST", pathOf("projects", project, "models", name, "requests"), body),
  review: (project: string, name: string, number: number, verdict: "approve" | "reject", comment: string) =>
    json<T.MoveRequest>("POST", pathOf("projects", project, "models", name, "requests", String(number), verdict), { comment }),
  rollback: (project: string, name: string, body: { alias: string; reason?: string; dry?: boolean }) =>
    json<T.PointerChange>("POST", pathOf("projects", project, "models", name, "rollback"), body),

  datasets: (project: string, signal?: AbortSignal) =>
    get<{ data: T.Dataset[] }>(pathOf("projects", project, "data"), signal).then((r) => r.data),
  datasetVersions: (project: string, name: string, signal?: AbortSignal) =>
    get<{ versions: T.DatasetVersion[] }>(withQuery(pathOf("projects", project, "data", "versions"), { of: name }), signal).then(
      (r) => r.versions,
    ),
  datasetTree: (project: string, version: string, against: string, limit: number, signal?: AbortSignal) =>
    get<T.DatasetTree>(withQuery(pathOf("projects", project, "data", "tree"), { version, against, limit }), signal),
  datasetFile: (project: string, version: string, path: string) =>
    withQuery(pathOf("projects", project, "data", "file"), { version, path }),

  tableChange: (project: string, query: { version: string; against: string; path: string; name: string }, signal?: AbortSignal) =>
    get<T.TableChange | null>(withQuery(pathOf("projects", project, "data", "table"), query), signal),

  codeChanges: (run: string, against: string, signal?: AbortSignal) => get<T.CodeChanges>(withQuery(pathOf("runs", run, "code"), { against }), signal),
  differences: (run: string, against: string, signal?: AbortSignal) => get<T.Differences>(withQuery(pathOf("runs", run, "differences"), { against }), signal),
  why: (run: string, metric: string, against: string, signal?: AbortSignal) => get<T.Why>(withQuery(pathOf("runs", run, "why"), { metric, against }), signal),

  lineage: (project: string, of: string, above: number, below: number, signal?: AbortSignal) =>
    get<T.Lineage>(withQuery(pathOf("projects", project, "lineage"), { of, above, below }), signal),

  pipelines: (project: string, before: number, signal?: AbortSignal) =>
    get<T.PipelinePage>(withQuery(pathOf("projects", project, "pipelines"), { before: before || undefined, limit: 50 }), signal),
  pipeline: (project: string, group: string, signal?: AbortSignal) => get<T.Pipeline>(pathOf("projects", project, "pipelines", group), signal),

  sweeps: (project: string, signal?: AbortSignal) => get<{ sweeps: SweepSummary[] }>(pathOf("projects", project, "sweeps"), signal).then((r) => r.sweeps),
  sweep: (project: string, sweep: string, signal?: AbortSignal) => get<Sweep>(pathOf("projects", project, "sweeps", sweep), signal),
  changeSweep: (project: string, sweep: string, change: { state?: SweepState; priority?: number; name?: string }) => json<Sweep>("PATCH", pathOf("projects", project, "sweeps", sweep), change),

  reports: (project: string, signal?: AbortSignal) => get<{ reports: ReportSummary[] }>(pathOf("projects", project, "reports"), signal).then((r) => r.reports),
  report: (project: string, report: string, signal?: AbortSignal) => get<Report>(pathOf("projects", project, "reports", report), signal),
  reportLinks: (project: string, report: string, signal?: AbortSignal) =>
    get<{ links: ReportLink[] }>(pathOf("projects", project, "reports", report, "links"), signal).then((r) => r.links),
  makeReportLink: (project: string, report: string, projects: readonly string[]) =>
    json<ReportLink>("POST", pathOf("projects", project, "reports", report, "links"), { projects }),
  endReportLinks: (project: string, report: string) => json<unknown>("DELETE", pathOf("projects", project, "reports", report, "links")),
  chartDefinitions: (signal?: AbortSignal) => get<{ charts: ChartDefinition[] }>(pathOf("charts"), signal).then((r) => r.charts),

  makeToken: (name: string, level: string) => json<{ secret: string }>("POST", pathOf("tokens"), { name, level }),
  /** The name of the project that MLflow's client calls by a number. */
  mlflowExperiment: (number: string, signal?: AbortSignal) =>
    get<{ experiment?: { name?: string } }>(`/api/2.0/mlflow/experiments/get?experiment_id=${encodeURIComponent(number)}`, signal).then((r) => r.experiment?.name ?? ""),

  /** The first bytes of a file, and whether they are all of it. */
  beginning: async (path: string, bytes: number, signal?: AbortSignal): Promise<{ bytes: Uint8Array; isWhole: boolean }> => {
    const response = await send("GET", path, undefined, signal, { Range: `bytes=0-${bytes - 1}` });
    const all = Number(response.headers.get("content-range")?.split("/")[1] ?? response.headers.get("content-length") ?? 0);
    const body = new Uint8Array(await response.arrayBuffer());
    return { bytes: body, isWhole: body.length >= all };
  },
};

/** The message of an error in one line, for a passing note. */
export function oneLine(error: unknown): string {
  return error instanceof ApiError ? [error.message || error.code, error.hint].filter(Boolean).join(" ") : String(error);
}
