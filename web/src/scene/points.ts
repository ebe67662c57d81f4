/** Point clouds as W&B's client writes them (`.pts.json`): a list of points, or points with boxes and vectors. */
import type { Json } from "../api/types";
import { isObject, type JsonObject, listOf, textOf } from "../lib/loose";
import { Builder } from "./builder";
import { MOST, type Rgb, type Scene, SceneError, type Vector } from "./scene";

const PLAIN: Rgb = [110, 160, 210];
/** For categories 1 to 14. */
const CATEGORIES: readonly Rgb[] = [
  [120, 130, 145], [11, 111, 184], [207, 83, 0], [0, 150, 120], [190, 75, 150], [200, 145, 20], [120, 95, 220], [45, 165, 205],
  [200, 40, 75], [110, 140, 30], [150, 95, 70], [35, 140, 150], [235, 120, 160], [90, 105, 125], [230, 190, 40],
];

export function pointScene(file: Json): Scene {
  const body: JsonObject = isObject(file) ? file : { points: file };
  const rows = listOf(body["points"]);
  const boxes = listOf(body["boxes"]).filter(isObject);
  const builder = new Builder();
  const step = Math.max(1, Math.ceil(rows.length / MOST.points));
  const scale = scaleOf(rows);
  for (let at = 0; at < rows.length; at += step) builder.point(placeOf(rows[at]), colorOf(rows[at], scale));
  for (const box of boxes) addBox(builder, box);
  for (const one of listOf(body["vectors"]).filter(isObject)) builder.line(placeOf(one["start"]), placeOf(one["end"]), rgbOf(one["color"]) ?? CATEGORIES[2] ?? PLAIN);
  if (!Array.isArray(file) && rows.length === 0 && boxes.length === 0) throw new SceneError("broken");
  const counts: Scene["counts"] = [{ kind: "points", count: builder.points.places.length / 3, total: rows.length }];
  if (boxes.length > 0) counts.push({ kind: "boxes", count: boxes.length, total: boxes.length });
  return builder.finish("z", counts);
}

function placeOf(value: Json | undefined): Vector {
  const [x, y, z] = listOf(value);
  return [numberOf(x), numberOf(y), numberOf(z)];
}

const numberOf = (value: Json | undefined) => (typeof value === "number" ? value : Number.NaN);

/** Colours count to 1 or to 255. */
function scaleOf(rows: readonly Json[]): number {
  let most = 0;
  for (let at = 0; at < rows.length; at += Math.ceil(rows.length / 5000)) {
    const row = listOf(rows[at]);
    if (row.length >= 6) most = Math.max(most, ...row.slice(3, 6).map((value) => numberOf(value) || 0));
  }
  return most > 1 ? 1 : 255;
}

function colorOf(value: Json | undefined, scale: number): Rgb {
  const row = listOf(value);
  if (row.length === 4) return CATEGORIES[Math.abs(Math.round(numberOf(row[3]) || 0)) % CATEGORIES.length] ?? PLAIN;
  if (row.length < 6) return PLAIN;
  return [3, 4, 5].map((at) => byte((numberOf(row[at]) || 0) * scale)) as unknown as Rgb;
}

const byte = (value: number) => Math.max(0, Math.min(255, Math.round(value)));

function rgbOf(value: Json | undefined): Rgb | null {
  const parts = listOf(value).slice(0, 3).map((part) => numberOf(part) || 0);
  if (parts.length < 3) return null;
  const scale = parts.some((part) => part > 1) ? 1 : 255;
  return parts.map((part) => byte(part * scale)) as unknown as Rgb;
}

function addBox(builder: Builder, box: JsonObject): void {
  const corners = listOf(box["corners"]).map(placeOf);
  const [first] = corners;
  if (corners.length !== 8 || !first) return;
  const color = rgbOf(box["color"]) ?? CATEGORIES[3] ?? PLAIN;
  for (const [from, to] of edgesOf(corners)) builder.line(from, to, color);
  const score = typeof box["score"] === "number" ? ` ${Number(box["score"].toPrecision(3))}` : "";
  const top = corners.reduce((a, b) => (b[2] > a[2] ? b : a), first);
  builder.label({ at: top, text: textOf(box["label"]) + score, color });
}

/** The twelve edges of a box whose corners come in any order: three of them lead from the first to its neighbours. */
function edgesOf(corners: readonly Vector[]): [Vector, Vector][] {
  const [origin, ...others] = corners as [Vector, ...Vector[]];
  const arms = others.map((corner) => minus(corner, origin));
  let best: { error: number; arms: Vector[] } = { error: Number.POSITIVE_INFINITY, arms: [] };
  for (let i = 0; i < 5; i++)
    for (let j = i + 1; j < 6; j++)
      for (let k = j + 1; k < 7; k++) {
        const chosen = [arms[i], arms[j], arms[k]] as Vector[];
        const error = sums(chosen).reduce((sum, place) => sum + Math.min(...arms.map((arm) => distance(arm, place))), 0) + skew(chosen);
        if (error < best.error) best = { error, arms: chosen };
      }
  const edges: [Vector, Vector][] = [];
  for (let at = 0; at < 8; at++)
    for (let axis = 0; axis < 3; axis++)
      if (!(at & (1 << axis))) edges.push([plus(origin, summed(best.arms, at)), plus(origin, summed(best.arms, at | (1 << axis)))]);
  return edges;
}

const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const plus = (a: Vector, b: Vector): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const distance = (a: Vector, b: Vector) => Math.hypot(...minus(a, b));
const summed = (arms: readonly Vector[], bits: number): Vector => arms.reduce<Vector>((sum, arm, at) => (bits & (1 << at) ? plus(sum, arm) : sum), [0, 0, 0]);
const sums = (arms: readonly Vector[]): Vector[] => [3, 5, 6, 7].map((bits) => summed(arms, bits));

/** Among the ways that fit as well, the one with right angles. */
function skew(arms: readonly Vector[]): number {
  const pairs: [number, number][] = [[0, 1], [0, 2], [1, 2]];
  return 1e-6 * pairs.reduce((sum, [i, j]) => {
    const [a, b]: [Vector, Vector] = [arms[i] ?? [0, 0, 0], arms[j] ?? [0, 0, 0]];
    return sum + Math.abs(a[0] * b[0] + a[1] * b[1] + a[2] * b[2]);
  }, 0);
}
