/** Addresses that other trackers' clients print, in our words. The hub's own projects belong to the entity `madang`. */
import { to } from "./router";

const ENTITY = "madang";

export type Foreign =
  | { kind: "project"; project: string }
  | { kind: "run"; project: string; name: string; tab: string }
  | { kind: "there"; address: string }
  | { kind: "experiment"; number: string };

/** W&B's tabs of a run, in our words. */
const TABS: Record<string, string> = { logs: "console", system: "system", files: "data", artifacts: "data", code: "code", charts: "charts", media: "media" };

/** What a path of W&B's (`/ENTITY/PROJECT/…`) means; null when it is none. */
export function foreignPath([entity, name, section = "", item = "", part = "", last = ""]: readonly string[]): Foreign | null {
  if (!entity || !name) return null;
  const project = entity === ENTITY ? name : `${entity}/${name}`;
  if (section === "runs" && item) return { kind: "run", project, name: item, tab: TABS[part] ?? "" };
  if (section === "sweeps") return { kind: "there", address: item ? to.sweep(project, item) : to.sweeps(project) };
  if (section === "reports") return { kind: "there", address: item ? to.report(project, reportId(item)) : to.reports(project) };
  if (section === "artifacts") return { kind: "there", address: part ? to.artifact(project, part, /^v\d+$/.test(last) ? last.slice(1) : "") : to.artifacts(project) };
  return ["", "workspace", "overview", "table", "runs"].includes(section) ? { kind: "project", project } : null;
}

/** `A-title--VmlldzoxMg` ends with the report's id. */
const reportId = (slug: string) => slug.slice(slug.lastIndexOf("--") + 2) || slug;

const RUN = /^#\/experiments\/\d+\/runs\/([0-9a-f]{32})/;
const EXPERIMENT = /^#\/experiments\/(\d+)/;

/** What MLflow's client prints: `/#/experiments/N/runs/ID`. */
export function foreignHash(hash: string): Foreign | null {
  const run = RUN.exec(hash)?.[1];
  if (run) return { kind: "there", address: to.run(run) };
  const number = EXPERIMENT.exec(hash)?.[1];
  return number ? { kind: "experiment", number } : null;
}
