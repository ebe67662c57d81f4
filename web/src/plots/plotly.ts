/** Figures of Plotly as specifications for Vega-Lite: the common traces; the rest is named, and its data can be had. */
import type { Json } from "../api/types";
import { toNumber } from "../lib/format";
import { isObject, type JsonObject, listOf, objectOf, textOf } from "../lib/loose";
import type { PlotSpec } from "../vega/spec";
import { arrayOf } from "./arrays";
import { type Axis, axisOf, colorOf, typeOf } from "./axes";

export interface Figure {
  title: string;
  plots: { spec: PlotSpec; many: boolean }[];
  /** Pictures that the figure carries (`imshow`). */
  images: string[];
  /** Kinds of traces that are not drawn. */
  missing: string[];
}

type Row = Record<string, unknown>;
type Layer = PlotSpec;

const MANY = 4000; // marks from which pixels are drawn
const CELLS = 200_000;

export function figureOf(file: Json): Figure {
  const body = objectOf(file);
  const traces = listOf(body["data"]).filter(isObject).filter((trace) => trace["visible"] !== false);
  const layout = objectOf(body["layout"]);
  const figure: Figure = { title: titleOf(layout["title"]), plots: [], images: [], missing: [] };
  for (const trace of traces.filter(isPie)) figure.plots.push({ spec: pie(trace), many: false });
  for (const [axes, members] of subplots(traces.filter((trace) => !isPie(trace)), figure)) figure.plots.push(cartesian(members, layout, axes));
  return figure;
}

const isPie = (trace: JsonObject) => trace["type"] === "pie";

function titleOf(value: Json | undefined): string {
  return textOf(value) || textOf(objectOf(value)["text"]).replace(/<[^>]*>/g, " ").trim();
}

/** The traces that share axes; those that cannot be drawn are noted. */
function subplots(traces: readonly JsonObject[], figure: Figure): Map<string, JsonObject[]> {
  const found = new Map<string, JsonObject[]>();
  for (const trace of traces) {
    const type = textOf(trace["type"]) || "scatter";
    if (type === "image" && textOf(trace["source"]).startsWith("data:image/")) figure.images.push(textOf(trace["source"]));
    else if (!(type in DRAWN)) figure.missing.push(type);
    else {
      const axes = `${textOf(trace["xaxis"]) || "x"} ${textOf(trace["yaxis"]) || "y"}`;
      found.set(axes, [...(found.get(axes) ?? []), trace]);
    }
  }
  return found;
}

interface Place {
  x: Axis;
  y: Axis;
  barmode: string;
  /** The colour of each named trace, where the figure says one. */
  name: string;
  single: boolean;
}

const DRAWN: Record<string, (trace: JsonObject, place: Place) => Layer[]> = {
  scatter, scattergl: scatter, bar, histogram, heatmap, heatmapgl: heatmap, contour: heatmap, histogram2d, box, violin: box,
};

function cartesian(traces: readonly JsonObject[], layout: JsonObject, axes: string): Figure["plots"][number] {
  const [xName = "x", yName = "y"] = axes.split(" ");
  const swapped = traces.some((trace) => trace["orientation"] === "h");
  const values = (axis: string) => traces.flatMap((trace) => arrayOf(trace[axis])).slice(0, 1000);
  const [x, y] = [axisOf(objectOf(layout[axisKey(xName)]), values("x"), swapped), axisOf(objectOf(layout[axisKey(yName)]), values("y"), swapped)];
  const names = traces.map((trace, at) => textOf(trace["name"]) || (traces.length > 1 ? `${at}` : ""));
  const place = { x, y, barmode: textOf(layout["barmode"]) || "group", single: traces.length === 1 };
  const layers = traces.flatMap((trace, at) => (DRAWN[textOf(trace["type"]) || "scatter"] ?? scatter)(trace, { ...place, name: names[at] ?? "" }));
  const colors = traces.map(colorOf);
  const range = { ...(colors.every(Boolean) ? { scale: { domain: names, range: colors } } : {}), ...(hasLegend(traces, layout) ? {} : { legend: null }) };
  const size = layers.reduce((sum, layer) => sum + listOf(objectOf(layer["data"] as Json)["values"]).length, 0);
  return { many: size > MANY, spec: { layer: mergedBars(layers).map((layer) => colored(layer, range)), resolve: { scale: { color: "shared" } } } };
}

const axisKey = (name: string) => `${name[0]}axis${name.slice(1)}`;

function colored(layer: Layer, range: Row): Layer {
  const encoding = layer["encoding"] as Row;
  const color = encoding["color"] as Row | undefined;
  return color?.["field"] === "trace" ? { ...layer, encoding: { ...encoding, color: { ...color, ...range } } } : layer;
}

const byTrace = { field: "trace", type: "nominal", title: null };

/** Whether Plotly would name the traces: several, or one that wants to be named. */
function hasLegend(traces: readonly JsonObject[], layout: JsonObject): boolean {
  return layout["showlegend"] !== false && (traces.length > 1 || traces[0]?.["showlegend"] === true || layout["showlegend"] === true);
}

function channels({ x, y }: Place): { x: Row; y: Row } {
  return { x: { field: "x", ...x.channel }, y: { field: "y", ...y.channel } };
}

/** Pairs of x and y; where one is missing, the place in the list stands for it. */
function points(trace: JsonObject, { name }: Place): Row[] {
  const [xs, ys] = [arrayOf(trace["x"]), arrayOf(trace["y"])];
  const [texts, error] = [arrayOf(trace["text"]), arrayOf(objectOf(trace["error_y"])["array"])];
  const colors = arrayOf(objectOf(trace["marker"])["color"]);
  return Array.from({ length: Math.max(xs.length, ys.length) }, (_, at) => {
    const [y, spread] = [ys[at] ?? (ys.length ? null : at), toNumber(error[at])];
    const number = toNumber(y);
    return {
      x: xs[at] ?? (xs.length ? null : at), y, at, trace: name,
      ...(typeof texts[at] === "string" ? { text: texts[at] } : {}),
      ...(typeof colors[at] === "number" ? { color: colors[at] } : {}),
      ...(spread !== null && number !== null ? { low: number - spread, high: number + spread } : {}),
    };
  });
}

function scatter(trace: JsonObject, place: Place): Layer[] {
  const values = points(trace, place);
  const mode = textOf(trace["mode"]) || (values.length < 20 ? "lines+markers" : "lines");
  const data = { values };
  const { x, y } = channels(place);
  const hasColors = values.some((row) => "color" in row);
  const color = hasColors && !mode.includes("lines") ? { field: "color", type: "quantitative", title: null } : byTrace;
  const tooltip = [{ field: "trace", title: " " }, x, y, ...(values.some((row) => "text" in row) ? [{ field: "text", title: "text" }] : [])].map(({ scale: _scale, axis: _axis, ...kept }: Row) => kept);
  const layers: Layer[] = [];
  const fill = textOf(trace["fill"]);
  if (fill && fill !== "none") layers.push({ data, mark: { type: "area", opacity: 0.2, line: false }, encoding: { x, y: { ...y, stack: null }, color: byTrace, order: { field: "at" } } });
  if (mode.includes("lines")) layers.push({ data, mark: { type: "line", ...dashOf(trace), tooltip: true }, encoding: { x, y, color: byTrace, order: { field: "at" } } });
  if (mode.includes("markers")) layers.push({ data, mark: { type: "point", filled: true, size: 36 }, encoding: { x, y, color, tooltip } });
  if (mode.includes("text")) layers.push({ data, mark: { type: "text", dy: -8 }, encoding: { x, y, text: { field: "text" } } });
  if (values.some((row) => "low" in row)) layers.push({ data, mark: "rule", encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: byTrace } });
  return layers;
}

function dashOf(trace: JsonObject): Row {
  const dash = textOf(objectOf(trace["line"])["dash"]);
  return dash && dash !== "solid" ? { strokeDash: dash.startsWith("dot") ? [2, 3] : [6, 4] } : {};
}

function bar(trace: JsonObject, place: Place): Layer[] {
  const isFlat = trace["orientation"] === "h";
  const { x, y } = channels(place);
  const [category, amount] = isFlat ? [y, x] : [x, y];
  const offset = place.single || place.barmode !== "group" ? {} : { [isFlat ? "yOffset" : "xOffset"]: { field: "trace" } };
  const stack = place.barmode === "overlay" ? { stack: null } : {};
  const [one, other] = [{ ...category, ...(category["type"] === "temporal" ? {} : { type: "ordinal", sort: null }) }, { ...amount, type: "quantitative", ...stack }];
  return [{ data: { values: points(trace, place) }, mark: { type: "bar", tooltip: true }, encoding: { ...(isFlat ? { y: one, x: other } : { x: one, y: other }), ...offset, color: byTrace } }];
}

/** Bars stand beside or on each other only within one layer. */
function mergedBars(layers: readonly Layer[]): Layer[] {
  const isBar = (layer: Layer) => (layer["mark"] as Row)["type"] === "bar" && !("bin" in ((layer["encoding"] as Record<string, Row>)["x"] ?? {}));
  const bars = layers.filter(isBar);
  const [first] = bars;
  if (!first || bars.length < 2) return [...layers];
  const values = bars.flatMap((layer) => (layer["data"] as { values: Row[] }).values);
  return [{ ...first, data: { values } }, ...layers.filter((layer) => !isBar(layer))];
}

function histogram(trace: JsonObject, place: Place): Layer[] {
  const isFlat = arrayOf(trace["x"]).length === 0;
  const source = arrayOf(trace[isFlat ? "y" : "x"]);
  const maxbins = toNumber(trace[isFlat ? "nbinsy" : "nbinsx"]) ?? 40;
  const axis = isFlat ? place.y : place.x;
  const binned = { field: "value", ...axis.channel, ...(typeOf(source) === "quantitative" ? { bin: { maxbins } } : { type: "nominal" }) };
  const count = { aggregate: "count", type: "quantitative", ...(place.barmode === "overlay" ? { stack: null } : {}) };
  const opacity = toNumber(trace["opacity"]) ?? (place.single ? 1 : 0.7);
  return [{ data: { values: source.map((value) => ({ value, trace: place.name })) }, mark: { type: "bar", opacity, tooltip: true }, encoding: { ...(isFlat ? { y: binned, x: count } : { x: binned, y: count }), color: byTrace } }];
}

function heatmap(trace: JsonObject, place: Place): Layer[] {
  const rows = arrayOf(trace["z"]).map((row) => arrayOf(row));
  const [xs, ys] = [arrayOf(trace["x"]), arrayOf(trace["y"])];
  const texts = arrayOf(trace["text"]).map((row) => arrayOf(row));
  const values = rows.flatMap((row, at) => row.map((z, column) => ({ x: xs[column] ?? column, y: ys[at] ?? at, z, text: texts[at]?.[column] ?? null }))).slice(0, CELLS);
  const { x, y } = channels(place);
  const ordinal = (channel: Row, labels: number) => ({ ...channel, type: "ordinal", sort: null, scale: { paddingInner: 0 }, axis: labels > 40 ? { labelOverlap: true, ticks: false } : { labelOverlap: true } });
  const encoding = { x: ordinal(x, rows[0]?.length ?? 0), y: { ...ordinal(y, rows.length), sort: place.y.isReversed ? null : "descending" } };
  const layers: Layer[] = [{ data: { values }, mark: { type: "rect", tooltip: true }, encoding: { ...encoding, color: { field: "z", type: "quantitative", title: null } } }];
  if (texts.length > 0 && textOf(trace["texttemplate"])) layers.push({ data: { values }, mark: "text", encoding: { ...encoding, text: { field: "text" } } });
  return layers;
}

function histogram2d(trace: JsonObject, place: Place): Layer[] {
  const { x, y } = channels(place);
  const bin = { bin: { maxbins: 30 } };
  return [{ data: { values: points(trace, place) }, mark: { type: "rect", tooltip: true }, encoding: { x: { ...x, ...bin }, y: { ...y, ...bin }, color: { aggregate: "count", type: "quantitative" } } }];
}

function box(trace: JsonObject, place: Place): Layer[] {
  const isFlat = trace["orientation"] === "h" || (arrayOf(trace["y"]).length === 0 && arrayOf(trace["x"]).length > 0);
  const [source, groups] = [arrayOf(trace[isFlat ? "x" : "y"]), arrayOf(trace[isFlat ? "y" : "x"])];
  const values = source.map((value, at) => ({ value, group: groups[at] ?? place.name, trace: place.name }));
  const [group, value] = [{ field: "group", type: "nominal", title: null }, { field: "value", type: "quantitative", title: (isFlat ? place.x : place.y).title, scale: { zero: false } }];
  return [{ data: { values }, mark: { type: "boxplot", extent: 1.5 }, encoding: { ...(isFlat ? { y: group, x: value } : { x: group, y: value }), color: byTrace } }];
}

function pie(trace: JsonObject): PlotSpec {
  const [labels, amounts] = [arrayOf(trace["labels"]), arrayOf(trace["values"])];
  const values = Array.from({ length: Math.max(labels.length, amounts.length) }, (_, at) => ({ label: String(labels[at] ?? at), value: toNumber(amounts[at]) ?? 1 }));
  const hole = toNumber(trace["hole"]) ?? 0;
  const name = titleOf(trace["title"]);
  return {
    ...(name ? { title: name } : {}),
    data: { values },
    mark: { type: "arc", tooltip: true, innerRadius: hole > 0 ? { expr: `min(width, height) / 2 * ${hole}` } : 0 },
    encoding: { theta: { field: "value", type: "quantitative", stack: true }, color: { field: "label", type: "nominal", title: null, sort: null } },
  };
}

