/** The runs that match, with the shown columns, as a CSV file. */
import { api } from "../api/client";
import type { Run } from "../api/types";
import { downloadCsv } from "../lib/csv";
import { formatTime, formatValue } from "../lib/format";
import { type Asked, askedFrom } from "./asked";
import { cellValue, type Column, columnTitle, columnNote } from "./columns";

const PAGE = 2000;

export async function exportCsv(project: string, columns: readonly Column[], query: URLSearchParams): Promise<number> {
  const asked: Asked = askedFrom(query, columns);
  const runs: Run[] = [];
  let cursor = "";
  do {
    const page = await api.runs(project, { ...asked, limit: PAGE, cursor });
    runs.push(...page.runs);
    cursor = page.next;
  } while (cursor);
  const head = ["id", ...columns.map((column) => [columnTitle(column.id), columnNote(column.id)].filter(Boolean).join(" "))];
  const rows = runs.map((run) => [run.id, ...columns.map((column) => text(run, column.id))]);
  downloadCsv(project, [head, ...rows]);
  return runs.length;
}

function text(run: Run, id: string): string {
  if (id === "created_at") return formatTime(run.created_at);
  if (id === "duration") return String(run.duration / 1e6);
  const value = cellValue(run, id);
  return typeof value === "number" ? String(value) : formatValue(value);
}
