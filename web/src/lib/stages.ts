import type { FileItem, Run } from "../api/types";

/** The tag of a run that is the execution of a stage. */
export const STAGE = "madang.stage";
const OUTS = "madang.outs";

/** The tag of a run that belongs to a sweep. */
export const SWEEP = "madang.sweep";

/** The tag that asks a run to end: who asked. */
export const STOP = "madang.stop";

/** Whether a tag is kept by madang for itself, or by another tracker's client through it. */
export const isOwnTag = (name: string) => /^(madang|mlflow|wandb)\./.test(name);

/** What the execution of a stage made; nothing for other runs. */
export function stageOuts(run: Run): FileItem[] {
  const text = run.tags[OUTS];
  if (!text) return [];
  try {
    const found: unknown = JSON.parse(text);
    return Array.isArray(found) ? found.filter(isFile) : [];
  } catch {
    return []; // anyone may set a tag
  }
}

function isFile(value: unknown): value is FileItem {
  const item = value as Partial<FileItem> | null;
  return typeof item?.path === "string" && typeof item.digest === "string" && typeof item.size === "number";
}
