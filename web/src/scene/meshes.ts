/** Surfaces in Wavefront's OBJ and in STL, as text and as bytes. */
import { Builder, type Patch } from "./builder";
import { type Rgb, type Scene, SceneError, type Vector } from "./scene";

const PLAIN: Rgb = [150, 165, 185];

export function stlScene(bytes: ArrayBuffer): Scene {
  const view = new DataView(bytes);
  const count = bytes.byteLength >= 84 ? view.getUint32(80, true) : -1;
  const builder = new Builder();
  const patch = builder.patch();
  const total = 84 + 50 * count === bytes.byteLength ? binary(view, count, builder, patch) : written(new TextDecoder().decode(bytes), builder, patch);
  return builder.finish("z", [{ kind: "triangles", count: builder.shownTriangles, total }]);
}

function binary(view: DataView, count: number, builder: Builder, patch: Patch): number {
  const corner = (at: number): Vector => [view.getFloat32(at, true), view.getFloat32(at + 4, true), view.getFloat32(at + 8, true)];
  for (let at = 0; at < count; at++) {
    const start = 84 + 50 * at + 12;
    if (!builder.triangle(patch, [corner(start), corner(start + 12), corner(start + 24)], [PLAIN], null)) break;
  }
  return count;
}

function written(text: string, builder: Builder, patch: Patch): number {
  if (!/^\s*solid/.test(text)) throw new SceneError("broken");
  const corners: Vector[] = [];
  for (const match of text.matchAll(/^\s*vertex\s+(\S+)\s+(\S+)\s+(\S+)/gm)) corners.push([Number(match[1]), Number(match[2]), Number(match[3])]);
  const total = Math.floor(corners.length / 3);
  for (let at = 0; at < total; at++) if (!builder.triangle(patch, corners.slice(3 * at, 3 * at + 3), [PLAIN], null)) break;
  return total;
}

interface Model {
  places: Vector[];
  colors: Rgb[];
  normals: Vector[];
}

export function objScene(text: string): Scene {
  const builder = new Builder();
  const patch = builder.patch();
  const model: Model = { places: [], colors: [], normals: [] };
  let total = 0;
  for (const line of text.replace(/\\\r?\n/g, " ").split("\n")) {
    const [word = "", ...parts] = line.trim().split(/\s+/);
    if (word === "v") addPlace(model, parts.map(Number));
    else if (word === "vn") model.normals.push(parts.slice(0, 3).map(Number) as Vector);
    else if (word === "f") total += face(model, parts, builder, patch);
    else if (word === "l") parts.slice(1).forEach((part, at) => builder.line(placeAt(model, parts[at]), placeAt(model, part), PLAIN));
  }
  if (total === 0 && builder.lines.places.length === 0) model.places.forEach((place, at) => builder.point(place, model.colors[at] ?? PLAIN));
  const points = builder.points.places.length / 3;
  return builder.finish("y", [points ? { kind: "points", count: points, total: model.places.length } : { kind: "triangles", count: builder.shownTriangles, total }]);
}

/** A place may have a colour after it. */
function addPlace(model: Model, parts: readonly number[]): void {
  const [x = Number.NaN, y = Number.NaN, z = Number.NaN, r, g, b] = parts;
  model.places.push([x, y, z]);
  model.colors.push(r === undefined || g === undefined || b === undefined ? PLAIN : ([r, g, b].map((part) => Math.round(255 * Math.min(1, Math.max(0, part)))) as unknown as Rgb));
}

/** Numbers count from 1, or from the end when they are negative. */
const indexOf = (text: string | undefined, count: number): number => {
  const number = Number.parseInt(text ?? "", 10);
  return number < 0 ? count + number : number - 1;
};

const placeAt = (model: Model, part: string | undefined): Vector => model.places[indexOf(part, model.places.length)] ?? [Number.NaN, Number.NaN, Number.NaN];

/** A polygon as a fan of triangles; gives how many. */
function face(model: Model, parts: readonly string[], builder: Builder, patch: Patch): number {
  const corners = parts.map((part) => {
    const [place, , normal] = part.split("/");
    const at = indexOf(place, model.places.length);
    return { place: model.places[at], color: model.colors[at] ?? PLAIN, normal: normal ? model.normals[indexOf(normal, model.normals.length)] : undefined };
  });
  if (corners.some((corner) => !corner.place)) return 0;
  for (let at = 1; at + 1 < corners.length; at++) {
    const three = [corners[0], corners[at], corners[at + 1]].flatMap((corner) => (corner ? [corner] : []));
    const normals = three.flatMap((corner) => (corner.normal ? [corner.normal] : []));
    builder.triangle(patch, three.map((corner) => corner.place as Vector), three.map((corner) => corner.color), normals.length === 3 ? normals : null);
  }
  return Math.max(0, corners.length - 2);
}
