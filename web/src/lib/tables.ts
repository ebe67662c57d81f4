/** The first rows of tabular text, for a preview. */

export interface Table {
  columns: string[];
  rows: string[][];
  /** Whether the text holds more rows. */
  more: boolean;
}

const COLUMNS = 40;

/** The table that a text is by the end of its name; null when it is none. */
export function parseTable(text: string, name: string, most: number): Table | null {
  const kind = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  const body = text.replace(/^\ufeff/, "");
  if (kind === "csv") return separated(body, separatorOf(body, ","), most);
  if (kind === "tsv") return separated(body, separatorOf(body, "\t"), most);
  return kind === "jsonl" || kind === "ndjson" ? objects(body, most) : null;
}

/** What the first line is separated by. */
function separatorOf(text: string, usual: string): string {
  const line = text.slice(0, text.search(/[\r\n]|$/));
  const count = (sign: string) => line.split(sign).length;
  return line.includes(usual) ? usual : [",", ";", "\t", "|"].reduce((best, sign) => (count(sign) > count(best) ? sign : best), usual);
}

function separated(text: string, separator: string, most: number): Table | null {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  let at = 0;
  const endRow = () => {
    row.push(cell);
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
    cell = "";
  };
  for (; at < text.length && rows.length <= most + 1; at++) {
    const sign = text[at] as string;
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') cell += text[++at];
      else quoted = false;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === separator) {
      row.push(cell);
      cell = "";
    } else if (sign === "\n") endRow();
    else if (sign !== "\r") cell += sign;
  }
  if (at >= text.length && (cell !== "" || row.length > 0)) endRow();
  const [columns, ...body] = rows;
  if (!columns) return null;
  return { columns: columns.slice(0, COLUMNS), rows: body.slice(0, most).map((cells) => cells.slice(0, COLUMNS)), more: body.length > most };
}

function objects(text: string, most: number): Table | null {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const items: Record<string, unknown>[] = [];
  for (const line of lines.slice(0, most)) {
    try {
      const item: unknown = JSON.parse(line);
      if (typeof item !== "object" || item === null || Array.isArray(item)) return null;
      items.push(item as Record<string, unknown>);
    } catch {
      return null; // not what its name says: shown as text
    }
  }
  const columns = [...new Set(items.flatMap(Object.keys))].slice(0, COLUMNS);
  const shown = (value: unknown) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
  return { columns, rows: items.map((item) => columns.map((column) => shown(item[column]))), more: lines.length > most };
}
