/** Columns of dates: files of tables have them as milliseconds since 1970, and say so in `column_types`. */
import type { Json } from "../api/types";
import { toNumber } from "../lib/format";
import { listOf, objectOf } from "../lib/loose";

/** The places of the columns that any of the files calls a time. */
export function dateColumns(names: readonly string[], types: readonly (Json | undefined)[]): Set<number> {
  const maps = types.map((type) => objectOf(objectOf(objectOf(type)["params"])["type_map"]));
  return new Set(names.flatMap((name, at) => (maps.some((map) => isTime(map[name])) ? [at] : [])));
}

/** A time, or one that may be missing. W&B's client writes times of pandas as any other, but knows only their class. */
function isTime(type: Json | undefined): boolean {
  const { wb_type: name, params } = objectOf(type);
  const said = objectOf(params);
  if (name === "union") return listOf(said["allowed_types"]).some(isTime);
  return name === "timestamp" || (name === "pythonObject" && said["class_name"] === "Timestamp");
}

const DAY = 86_400_000; // milliseconds
const MOST = 8.64e15; // milliseconds that a date can have

/** The rows with their dates as text that sorts: days where a column has nothing else, else times, both of UTC. */
export function datesAsText(rows: Json[][], columns: ReadonlySet<number>): Json[][] {
  if (columns.size === 0) return rows;
  const writers = new Map([...columns].map((at) => [at, writerOf(rows.map((row) => millis(row[at])))]));
  return rows.map((row) => row.map((value, at) => {
    const time = millis(value);
    return time === null ? value : (writers.get(at)?.(time) ?? value);
  }));
}

function millis(value: Json | undefined): number | null {
  const number = typeof value === "number" ? toNumber(value) : null;
  return number !== null && Math.abs(number) <= MOST ? number : null;
}

/** As exact as the finest time of the column needs. */
function writerOf(times: readonly (number | null)[]): (time: number) => string {
  const isWhole = (unit: number) => times.every((time) => time === null || time % unit === 0);
  const length = isWhole(DAY) ? "2026-01-01".length : isWhole(1000) ? "2026-01-01T00:00:00".length : "2026-01-01T00:00:00.000".length;
  return (time) => {
    const text = new Date(time).toISOString();
    const year = text.indexOf("-", 1) - "2026".length; // years past 9999 have a sign and six digits
    return text.slice(0, length + year).replace("T", " ");
  };
}
