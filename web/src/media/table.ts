/** A logged table: what its columns hold, which rows a reader wants, in which order. */
import type { Json } from "../api/types";
import { formatValue, toNumber } from "../lib/format";
import { listOf, objectOf } from "../lib/loose";
import { dateColumns, datesAsText } from "./dates";
import { itemsOf, pointerOf } from "./pointer";

export type ColumnType = "number" | "text" | "bool" | "date" | "media" | "any";

export interface Column {
  name: string;
  type: ColumnType;
}

export interface Table {
  columns: Column[];
  rows: Json[][];
}

export interface Order {
  column: number;
  descending: boolean;
}

const LOOKED_AT = 500; // rows that tell a column's type

/** The table of files `{"columns": […], "data": [[…]]}`: the rows of all, the columns of the last. */
export function tableOf(files: readonly Json[]): Table {
  const bodies = files.map(objectOf);
  const names = listOf(bodies.at(-1)?.["columns"]).map(String);
  const dates = dateColumns(names, bodies.map((body) => body["column_types"]));
  const rows = datesAsText(bodies.flatMap((body) => listOf(body["data"]).map(listOf)), dates);
  const typeAt = (at: number) => (dates.has(at) ? "date" : typeOf(rows.slice(0, LOOKED_AT).map((row) => row[at] ?? null)));
  return { rows, columns: names.map((name, at) => ({ name, type: typeAt(at) })) };
}

function typeOf(values: readonly Json[]): ColumnType {
  const given = values.filter((value) => value !== null);
  if (given.length === 0) return "any";
  if (given.some((value) => pointerOf(value) !== null || (Array.isArray(value) && itemsOf(value).length > 0))) return "media";
  if (given.every((value) => typeof value === "boolean")) return "bool";
  if (given.every(isNumber)) return "number";
  return given.every((value) => typeof value === "string") ? "text" : "any";
}

const isNumber = (value: Json) => typeof value === "number" || value === "NaN" || value === "Infinity" || value === "-Infinity";

/** What a cell says as text: for search, for order and for CSV. */
export function cellText(value: Json | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const items = pointerOf(value) ? itemsOf(value) : [];
  return items.length > 0 ? items.map((item) => item.path || item.caption || item.kind).join(" ") : formatValue(value);
}

/** The places of the rows that pass, in order; `filters` by column. */
export function wantedRows(table: Table, search: string, filters: ReadonlyMap<number, string>, order: Order | null): number[] {
  const tests = [...filters].filter(([, text]) => text.trim() !== "").map(([column, text]) => ({ column, passes: filterOf(text, table.columns[column]?.type ?? "any") }));
  const words = search.toLowerCase();
  const found: number[] = [];
  table.rows.forEach((row, at) => {
    if (tests.every(({ column, passes }) => passes(row[column])) && (!words || row.some((value) => cellText(value).toLowerCase().includes(words)))) found.push(at);
  });
  return order ? sorted(table, found, order) : found;
}

const RANGE = /^\s*(-?[\d.eE+-]+)\s*\.\.\s*(-?[\d.eE+-]+)\s*$/;
const COMPARED = /^\s*(<=|>=|!=|=|<|>)\s*(.*)$/;

/** `> 0.5`, `1..5`, `= cat`, `!= cat`, `> 2026-05`, or a part of the text. */
export function filterOf(text: string, type: ColumnType): (value: Json | undefined) => boolean {
  const range = RANGE.exec(text);
  if (range && type === "number") {
    const [low, high] = [Number(range[1]), Number(range[2])];
    return (value) => {
      const number = toNumber(value);
      return number !== null && number >= low && number <= high;
    };
  }
  const compared = COMPARED.exec(text);
  if (!compared) return (value) => cellText(value).toLowerCase().includes(text.trim().toLowerCase());
  const [, sign = "=", rest = ""] = compared;
  if (type === "date") return (value) => isDate(value) && holds(sign, textOrder(value.slice(0, rest.trim().length), rest.trim()));
  const wanted = toNumber(rest.trim());
  return (value) => {
    const number = wanted === null ? null : toNumber(value);
    if (number !== null && wanted !== null) return holds(sign, number - wanted);
    return sign === "!=" ? cellText(value) !== rest.trim() : sign === "=" && cellText(value) === rest.trim();
  };
}

const isDate = (value: Json | undefined): value is string => typeof value === "string";
const textOrder = (a: string, b: string) => Number(a > b) - Number(a < b);

function holds(sign: string, difference: number): boolean {
  switch (sign) {
    case "<":
      return difference < 0;
    case "<=":
      return difference <= 0;
    case ">":
      return difference > 0;
    case ">=":
      return difference >= 0;
    case "!=":
      return difference !== 0;
    default:
      return difference === 0;
  }
}

/** Empty cells and NaN stand last in either direction. */
function sorted(table: Table, rows: number[], { column, descending }: Order): number[] {
  const numeric = table.columns[column]?.type === "number" || table.columns[column]?.type === "bool";
  const keys = new Map(rows.map((at) => [at, numeric ? toNumber(table.rows[at]?.[column]) : cellText(table.rows[at]?.[column])]));
  const isEmpty = (key: string | number | null | undefined) => key === null || key === undefined || key === "" || Number.isNaN(key);
  return [...rows].sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    if (isEmpty(x) || isEmpty(y)) return Number(isEmpty(x)) - Number(isEmpty(y)) || a - b;
    const way = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
    return (descending ? -way : way) || a - b;
  });
}

/** Head and rows as texts. */
export function csvRows(table: Table, rows: readonly number[]): string[][] {
  return [table.columns.map((column) => column.name), ...rows.map((at) => table.columns.map((_, column) => cellText(table.rows[at]?.[column])))];
}
