/** What the columns of the runs table are, and which ones a project shows. */
import type { Json, MetricKey, Run } from "../api/types";
import { toNumber } from "../lib/format";
import { isHidden, isSystem } from "../lib/keys";
import { parseField } from "../lib/query";
import { isOwnTag } from "../lib/stages";
import { type Key, t } from "../messages";

export interface Column {
  id: string;
  width: number;
  pinned: boolean;
}

const WIDTHS: Record<string, number> = { name: 210, status: 104, created_at: 132, duration: 84, tags: 150, notes: 180, commit: 92 };
const ATTRIBUTES = ["name", "status", "created_at", "duration", "user", "host", "group", "job_type", "branch", "commit", "tags", "notes", "verdict", "id"];
const SORTABLE = new Set(["name", "status", "created_at", "duration", "user", "host", "group", "job_type", "branch", "commit", "notes", "verdict", "id"]);

export const attributeColumns = (): string[] => ATTRIBUTES;

export function makeColumn(id: string): Column {
  return { id, width: WIDTHS[id] ?? (parseField(id).scope === "attributes" ? 110 : 112), pinned: id === "name" };
}

export function isSortable(id: string): boolean {
  return parseField(id).scope !== "attributes" || SORTABLE.has(id);
}

export function columnTitle(id: string): string {
  const field = parseField(id);
  return field.scope === "attributes" ? t(`column.${field.key}` as Key) : field.key;
}

/** The small word under a title: which statistic of a metric, or where a value comes from. */
export function columnNote(id: string): string {
  const field = parseField(id);
  if (field.scope === "metrics") return t(`statistic.${field.statistic}`);
  return field.scope === "params" ? t("column.param") : field.scope === "tags" ? t("column.tag") : "";
}

/** The value of a run in a column; undefined when it has none. */
export function cellValue(run: Run, id: string): Json | undefined {
  const field = parseField(id);
  if (field.scope === "metrics") return run.metrics[field.key]?.[field.statistic];
  if (field.scope === "params") return run.config[field.key];
  if (field.scope === "tags") return run.tags[field.key];
  switch (field.key) {
    case "commit":
      return run.code?.commit;
    case "branch":
      return run.code?.branch;
    case "verdict":
      return run.verdict?.verdict;
    case "tags":
      return Object.keys(run.tags).filter((key) => !isOwnTag(key)).join(", ");
    default:
      return run[field.key as "name"];
  }
}

/** `max`, `min`, or "" when nobody defined it; in lists the best value tells which it was. */
export function goalOf(run: Run | undefined, key: string): string {
  const goal = run?.definitions?.[key]?.goal;
  const metric = run?.metrics[key];
  if (goal || !metric || metric.best === null) return goal ?? "";
  return metric.best === metric.max && metric.max !== metric.min ? "max" : metric.best === metric.min && metric.max !== metric.min ? "min" : "";
}

const LESS = new Set(["loss", "error", "err", "mse", "mae", "rmse", "nll", "perplexity", "ppl", "wer", "cer", "fid"]);
const MORE = new Set(["acc", "accuracy", "f1", "auc", "auroc", "precision", "recall", "score", "bleu", "rouge", "r2", "iou", "miou", "map", "dice", "reward"]);

/** Whether a larger value of the metric is better; null when nobody said so and its name does not tell. */
export function largerIsBetter(run: Run | undefined, key: string): boolean | null {
  const goal = goalOf(run, key);
  if (goal) return goal === "max";
  const words = key.toLowerCase().split(/[^a-z0-9]+/);
  if (words.some((word) => LESS.has(word) || word.endsWith("loss"))) return false;
  if (words.some((word) => MORE.has(word))) return true;
  return null;
}

/** What a project shows before anyone chose: who and when, the parameters that differ, the metrics that matter. */
export function defaultColumns(runs: readonly Run[], keys: readonly MetricKey[]): Column[] {
  const numeric = keys.filter((key) => isChartable(key) && !isSystem(key.name));
  const hasGoal = (name: string) => runs.some((run) => (run.metrics[name]?.best ?? null) !== null);
  const rank = (key: MetricKey) => (hasGoal(key.name) ? 0 : /^(val|valid|test|eval)/.test(key.name) ? 1 : 2);
  const metrics = [...numeric].sort((a, b) => rank(a) - rank(b)).slice(0, 4);
  const columns = [...["name", "status"], ...metrics.map((key) => `metrics:${key.name}:${hasGoal(key.name) ? "best" : "last"}`)];
  return [...columns, ...differing(runs).slice(0, 4).map((key) => `params:${key}`), "created_at", "duration", "user", "tags"].map(makeColumn);
}

function differing(runs: readonly Run[]): string[] {
  const seen = new Map<string, Set<string>>();
  for (const run of runs)
    for (const [key, value] of Object.entries(run.config)) {
      const values = seen.get(key) ?? new Set();
      seen.set(key, values.add(JSON.stringify(value)));
    }
  const keys = [...seen.keys()];
  return [...keys.filter((key) => (seen.get(key)?.size ?? 0) > 1), ...keys.filter((key) => seen.get(key)?.size === 1)];
}

export const isChartable = (key: MetricKey) => ["float", "int", "bool", "mixed"].includes(key.kind) && !isHidden(key.name);

export function paramKeys(runs: readonly Run[]): string[] {
  return [...new Set(runs.flatMap((run) => Object.keys(run.config)))].sort();
}

export function tagKeys(runs: readonly Run[]): string[] {
  return [...new Set(runs.flatMap((run) => Object.keys(run.tags)))].filter((key) => !isOwnTag(key)).sort();
}

/** The metrics that the shown columns need from the server; it sends these alone. */
export function neededKeys(columns: readonly Column[], extra: readonly string[]): string[] {
  const keys = [...columns.map((column) => column.id), ...extra].map(parseField).filter((field) => field.scope === "metrics");
  return [...new Set(keys.map((field) => field.key))].sort();
}

export function delta(value: Json | undefined, base: Json | undefined): number | null {
  const [a, b] = [toNumber(value), toNumber(base)];
  return a === null || b === null || !Number.isFinite(a - b) ? null : a - b;
}

export const isNumeric = (id: string) => parseField(id).scope === "metrics" || id === "duration";

/** Pinned columns first, otherwise in the reader's order. */
export const inOrder = (columns: readonly Column[]) => [...columns.filter((c) => c.pinned), ...columns.filter((c) => !c.pinned)];

/** Width of the first column: tick, eye, baseline pin. */
export const LEAD = 84;
