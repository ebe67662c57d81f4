/** The plots of `wandb.plot` and `wandb.sklearn`, by the name of their definition, and specifications of one's own: a table becomes a plot. */
import type { Json } from "../api/types";
import { toNumber } from "../lib/format";
import { isObject, type JsonObject, listOf, objectOf, textOf } from "../lib/loose";
import type { Table } from "../media/table";
import type { PlotSpec } from "../vega/spec";
import { SKLEARN } from "./sklearn";

/** A plot that a run says it wants of one of its tables (`_wandb.visualize`, `_wandb.viz`). */
export interface Visual {
  key: string;
  /** The key under which the table was logged. */
  table: string;
  definition: string;
  fields: Record<string, string>;
  texts: Record<string, string>;
}

export function visualsOf(config: Record<string, Json>): Visual[] {
  const panels = Object.entries(objectOf(config["visualize"])).flatMap(([key, entry]) => {
    const visual = visualOf(key, objectOf(objectOf(entry)["panel_config"]));
    return visual ? [visual] : [];
  });
  return [...panels, ...Object.entries(objectOf(config["viz"])).flatMap(([key, entry]) => vizOf(key, textOf(objectOf(entry)["id"])))];
}

/** The columns of `wandb.sklearn`'s tables that are called otherwise than the chart's fields. */
const COLUMNS: Record<string, Record<string, string>> = { "wandb/confusion_matrix/v1": { nPredictions: "Count" } };

/** A table that `wandb.visualize` names a definition for: it lies under the plot's own key. */
const vizOf = (key: string, definition: string): Visual[] => (definition ? [{ key, table: key, definition, fields: COLUMNS[definition] ?? {}, texts: {} }] : []);

/** A panel's description as a plot; null where it names no table. */
export function visualOf(key: string, panel: Record<string, Json>): Visual | null {
  const table = tableKey(panel["userQuery"]);
  const strings = (value: Json | undefined) => Object.fromEntries(Object.entries(objectOf(value)).flatMap(([name, text]) => (typeof text === "string" ? [[name, text]] : [])));
  return table ? { key, table, definition: textOf(panel["panelDefId"]), fields: strings(panel["fieldSettings"]), texts: strings(panel["stringSettings"]) } : null;
}

/** The table that a query asks for, however deep it stands. */
function tableKey(query: Json | undefined): string {
  if (Array.isArray(query)) return query.map(tableKey).find(Boolean) ?? "";
  if (!isObject(query)) return "";
  if (query["name"] === "tableKey" && typeof query["value"] === "string") return query["value"];
  return Object.values(query).map((part) => tableKey(part)).find(Boolean) ?? "";
}

export type Row = Record<string, unknown>;

/** The rows of a table by column name; numbers that JSON cannot carry are left out of plots. */
export function rowsOf(table: Table, more: Row = {}): Row[] {
  return table.rows.map((row) => ({
    ...more,
    ...Object.fromEntries(table.columns.map((column, at) => {
      const value = row[at] ?? null;
      const number = column.type === "number" ? toNumber(value) : null;
      return [column.name, number !== null ? (Number.isFinite(number) ? number : null) : value];
    })),
  }));
}

const BUILTIN = /^wandb\/([\w-]+)\/v\d+$/;

/** The specification of a known definition; null for others. */
export function builtinSpec({ definition, fields, texts }: Visual, table: Table, dark: boolean): PlotSpec | null {
  const make = MAKERS[BUILTIN.exec(definition)?.[1] ?? ""];
  if (!make) return null;
  const typeOf = (name: string) => (table.columns.find((column) => column.name === name)?.type === "number" ? "quantitative" : "nominal");
  const channel = (role: string, more: Row = {}): Row => ({ field: escaped(fields[role] ?? role), type: typeOf(fields[role] ?? role), title: fields[role] ?? role, ...more });
  const spec = make({ channel, fields, texts, table, dark });
  return { data: { values: rowsOf(table) }, ...(texts["title"] ? { title: texts["title"] } : {}), ...spec };
}

/** Dots and brackets of a column's name are no paths. */
const escaped = (name: string) => name.replace(/[\\.[\]']/g, "\\$&");

/** What a maker of specifications may use. */
export interface Making {
  channel: (role: string, more?: Row) => Row;
  fields: Record<string, string>;
  texts: Record<string, string>;
  table: Table;
  dark: boolean;
}

const SMALL = { type: "point", filled: true, size: 36, opacity: 0.8, tooltip: true };

const MAKERS: Record<string, (making: Making) => PlotSpec> = {
  ...SKLEARN,
  line: ({ channel }) => ({ mark: { type: "line", tooltip: true }, encoding: { x: channel("x"), y: channel("y", { scale: { zero: false } }) } }),
  lineseries: ({ channel, texts }) => ({
    mark: { type: "line", tooltip: true },
    encoding: { x: channel("step", { title: texts["xname"] || "x" }), y: channel("lineVal", { title: "y", scale: { zero: false } }), color: channel("lineKey", { type: "nominal", title: null }) },
  }),
  scatter: ({ channel }) => ({ mark: SMALL, encoding: { x: channel("x", { scale: { zero: false } }), y: channel("y", { scale: { zero: false } }) } }),
  bar: ({ channel }) => ({ mark: { type: "bar", tooltip: true }, encoding: { y: channel("label", { type: "nominal", sort: null }), x: channel("value") } }),
  histogram: ({ channel }) => ({ mark: { type: "bar", tooltip: true }, encoding: { x: channel("value", { bin: { maxbins: 40 } }), y: { aggregate: "count", type: "quantitative" } } }),
  "area-under-curve": ({ channel, fields, texts, table }) => ({
    mark: { type: "line", tooltip: true, strokeWidth: 2 },
    encoding: {
      x: channel("x", { type: "quantitative", scale: { domain: [0, 1], nice: false }, ...(texts["x-axis-title"] ? { title: texts["x-axis-title"] } : {}) }),
      y: channel("y", { type: "quantitative", scale: { domain: [0, 1], nice: false }, ...(texts["y-axis-title"] ? { title: texts["y-axis-title"] } : {}) }),
      ...(table.columns.some(({ name }) => name === (fields["class"] ?? "class")) ? { color: channel("class", { type: "nominal", title: null }) } : {}),
    },
  }),
  confusion_matrix: ({ channel, fields, table, dark }) => {
    const field = fields["nPredictions"] ?? "nPredictions";
    const most = Math.max(0, ...rowsOf(table).map((row) => Number(row[field]) || 0));
    const count = channel("nPredictions", { type: "quantitative" });
    const place = { x: channel("Predicted", { type: "nominal", sort: null }), y: channel("Actual", { type: "nominal", sort: null }) };
    return {
      encoding: place,
      layer: [
        { mark: { type: "rect", tooltip: true }, encoding: { color: { ...count, legend: null, scale: { range: dark ? ["#1f2522", "#5cc9a7"] : ["#eef5f1", "#0d5a45"], domainMin: 0 } } } },
        { mark: { type: "text", fontWeight: 600, tooltip: true }, encoding: { text: count, color: { condition: { test: `datum[${JSON.stringify(field)}] > ${most / 2}`, value: dark ? "#10251c" : "#ffffff" }, value: dark ? "#e6ebe7" : "#1a211d" } } },
      ],
    };
  },
};

const OVERLAID = ["line", "lineseries", "scatter", "area-under-curve", "learning_curve", "elbow"];

/** Whether the plots of several runs make one. */
export const isOverlaid = ({ definition }: Visual): boolean => OVERLAID.includes(BUILTIN.exec(definition)?.[1] ?? "");

/** One plot of the tables of several runs, by their titles: colours are the runs', what else was told by colour is told by dashes. */
export function overlaidSpec(visual: Visual, tables: readonly (readonly [string, Table])[], dark: boolean): PlotSpec | null {
  const spec = tables[0] ? builtinSpec(visual, tables[0][1], dark) : null;
  if (!spec) return null;
  const { color, ...encoding } = spec["encoding"] as Row;
  const run = { field: RUN, type: "nominal", title: null, sort: null };
  return { ...spec, data: { values: tables.flatMap(([title, table]) => rowsOf(table, { [RUN]: title })) }, encoding: { ...encoding, color: run, ...(color ? { strokeDash: color } : {}) } };
}

const RUN = " run"; // no column is likely to be called so

/** A specification that somebody wrote, with the columns and texts put where it asks for them. */
export function customSpec(definition: JsonObject, visual: Visual, rows: readonly Row[]): PlotSpec {
  const filled = (text: string) =>
    text.replace(/\$\{(field|string):([^}]*)\}/g, (_whole, kind: string, role: string) => (kind === "field" ? (visual.fields[role] ?? role) : (visual.texts[role] ?? "")));
  const spec = JSON.parse(JSON.stringify(definition), (_key, value: unknown) => (typeof value === "string" ? filled(value) : value)) as PlotSpec;
  const data = spec["data"];
  if (!Array.isArray(data)) return { ...spec, data: { name: "wandb", values: rows } };
  return { ...spec, data: listOf(data).map((source) => (isObject(source) && source["name"] === "wandb" ? { ...source, values: rows } : source)) };
}
