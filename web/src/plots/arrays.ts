/** Arrays of a Plotly figure: lists, or bytes in base64 (`{"dtype": "f8", "bdata": "…", "shape": "2, 3"}`, since Plotly 6). */
import type { Json } from "../api/types";
import { isObject, listOf, textOf } from "../lib/loose";

type Reader = (view: DataView, at: number) => number;

const READERS: Record<string, [number, Reader]> = {
  i1: [1, (view, at) => view.getInt8(at)],
  u1: [1, (view, at) => view.getUint8(at)],
  i2: [2, (view, at) => view.getInt16(at, true)],
  u2: [2, (view, at) => view.getUint16(at, true)],
  i4: [4, (view, at) => view.getInt32(at, true)],
  u4: [4, (view, at) => view.getUint32(at, true)],
  i8: [8, (view, at) => Number(view.getBigInt64(at, true))],
  u8: [8, (view, at) => Number(view.getBigUint64(at, true))],
  f4: [4, (view, at) => view.getFloat32(at, true)],
  f8: [8, (view, at) => view.getFloat64(at, true)],
};

/** The values of an array; rows of rows where it has two dimensions. */
export function arrayOf(value: Json | undefined): Json[] {
  if (!isObject(value) || typeof value["bdata"] !== "string") return listOf(value);
  const reader = READERS[textOf(value["dtype"])];
  if (!reader) return [];
  const [size, read] = reader;
  const bytes = Uint8Array.from(atob(value["bdata"]), (sign) => sign.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const flat = Array.from({ length: Math.floor(bytes.length / size) }, (_, at) => finite(read(view, at * size)));
  const columns = Number(String(value["shape"] ?? "").split(",")[1]);
  if (!(columns > 0)) return flat;
  return Array.from({ length: Math.floor(flat.length / columns) }, (_, row) => flat.slice(row * columns, (row + 1) * columns));
}

const finite = (value: number) => (Number.isFinite(value) ? value : null);
