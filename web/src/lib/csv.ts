/** Rows as a CSV file that a spreadsheet opens as it was meant. */
import { download } from "./download";

export function downloadCsv(name: string, rows: readonly (readonly string[])[]): void {
  // The mark at the start tells spreadsheets that it is UTF-8.
  download(`${name.replaceAll("/", "-")}.csv`, `\ufeff${rows.map((row) => `${row.map(quote).join(",")}\r\n`).join("")}`, "text/csv");
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
