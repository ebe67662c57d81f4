import type { FileItem, Run } from "../api/types";

const OUTS = "madang.outs";

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
