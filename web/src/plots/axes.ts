/** Axes and colours of a Plotly figure. */
import type { Json } from "../api/types";
import { toNumber } from "../lib/format";
import { type JsonObject, listOf, objectOf, textOf } from "../lib/loose";

export interface Axis {
  title: string | null;
  isReversed: boolean;
  channel: Record<string, unknown>;
}

const DATE = /^\d{4}-\d\d(-\d\d)?([T ]\d\d:\d\d|$)/;

/** What the values of an axis are. */
export function typeOf(values: readonly Json[]): "quantitative" | "temporal" | "nominal" {
  const given = values.filter((value) => value !== null);
  if (given.every((value) => toNumber(value) !== null)) return "quantitative";
  return given.every((value) => typeof value === "string" && DATE.test(value)) ? "temporal" : "nominal";
}

export function axisOf(layout: JsonObject, values: readonly Json[], hasBars: boolean): Axis {
  const title = (textOf(layout["title"]) || textOf(objectOf(layout["title"])["text"])).replace(/<[^>]*>/g, " ").trim() || null;
  const given = textOf(layout["type"]);
  const type = given === "category" ? "nominal" : given === "date" ? "temporal" : given === "log" || given === "linear" ? "quantitative" : typeOf(values);
  const isReversed = layout["autorange"] === "reversed";
  const scale = { ...(given === "log" ? { type: "log" } : {}), ...rangeOf(layout, given), ...(type === "quantitative" && !hasBars ? { zero: false } : {}), ...(isReversed ? { reverse: true } : {}) };
  return { title, isReversed, channel: { type, title, ...(type === "nominal" ? { sort: null } : { scale }) } };
}

/** The range that the figure asks for; of a logarithmic axis it is in powers of ten. */
function rangeOf(layout: JsonObject, type: string): Record<string, unknown> {
  const [low, high] = listOf(layout["range"]).map(toNumber);
  if (typeof low !== "number" || typeof high !== "number" || low === high) return {};
  const at = (value: number) => (type === "log" ? 10 ** value : value);
  return { domain: [Math.min(at(low), at(high)), Math.max(at(low), at(high))], ...(low > high ? { reverse: true } : {}), nice: false };
}

const COLOR = /^(#[0-9a-f]{3,8}|(rgb|rgba|hsl)\([\d\s.,%]+\)|[a-z]+)$/i;

/** The colour of a trace, where it has one. */
export function colorOf(trace: JsonObject): string {
  const color = textOf(objectOf(trace["line"])["color"]) || textOf(objectOf(trace["marker"])["color"]);
  return COLOR.test(color) ? color : "";
}
