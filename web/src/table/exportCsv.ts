/** The runs that match, with the shown columns, as a CSV file. */
import { api } from "../api/client";
import type { Run } from "../api/types";
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
  const link = document.createElement("a");
  // The mark at the start tells spreadsheets that it is UTF-8.
  link.href = URL.createObjectURL(new Blob(["\ufeff", ...[head, ...rows].map((row) => `${row.map(quote).join(",")}\r\n`)], { type: "text/csv" }));
  link.download = `${project}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return runs.length;
}

function text(run: Run, id: string): string {
  if (id === "created_at") return formatTime(run.created_at);
  if (id === "duration") return String(run.duration / 1e6);
  const value = cellValue(run, id);
  return typeof value === "number" ? String(value) : formatValue(value);
}

/**
 * A cell that begins like a formula would be run by a spreadsheet: an apostrophe stops that. Cells also begin after a
 * semicolon or tab, where a spreadsheet splits at those, and wide signs count as well.
 */
export function quote(value: string): string {
  const isNumber = value.trim() !== "" && !Number.isNaN(Number(value));
  const safe = isNumber ? value : value.replace(/(^|[;\t\r\n|])(\s*["']*[=+\-@＝＋－＠])/g, "$1'$2").replace(/^[\t\r]/, "'$&");
  return /[",;\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
