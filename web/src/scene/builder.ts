/** Collects what a file has, and puts its middle at the origin: coordinates of maps are too large for a graphics card. */
import { type Label, MOST, type Rgb, type Scene, SceneError, type Surface, type Vector } from "./scene";

interface Shapes {
  places: number[];
  colors: number[];
}

/** Triangles that share a picture. */
export interface Patch extends Shapes {
  normals: number[];
  uvs: number[];
  picture: ImageBitmap | null;
}

const none = (): Shapes => ({ places: [], colors: [] });
const isFinitePlace = (place: readonly number[]) => place.length >= 3 && place.every(Number.isFinite);

export class Builder {
  readonly points = none();
  readonly lines = none();
  readonly balls = { ...none(), radii: [] as number[] };
  readonly patches: Patch[] = [];
  readonly labels: Label[] = [];
  private triangles = 0;

  /** False when there is no room for more. */
  point(place: Vector, color: Rgb): boolean {
    if (this.points.places.length >= 3 * MOST.points) return false;
    if (isFinitePlace(place)) add(this.points, place, color);
    return true;
  }

  ball(place: Vector, color: Rgb, radius: number): void {
    if (!isFinitePlace(place) || this.balls.radii.length >= MOST.balls) return;
    add(this.balls, place, color);
    this.balls.radii.push(radius);
  }

  line(from: Vector, to: Vector, color: Rgb): void {
    if (this.lines.places.length >= 6 * MOST.lines || !isFinitePlace(from) || !isFinitePlace(to)) return;
    add(this.lines, from, color);
    add(this.lines, to, color);
  }

  label(label: Label): void {
    if (this.labels.length < MOST.labels && label.text && isFinitePlace(label.at)) this.labels.push({ ...label, text: label.text.slice(0, 60) });
  }

  patch(picture: ImageBitmap | null = null): Patch {
    const made = { ...none(), normals: [], uvs: [], picture };
    this.patches.push(made);
    return made;
  }

  /** A triangle; without normals it is flat. False when there is no room for more. */
  triangle(patch: Patch, corners: readonly Vector[], colors: readonly Rgb[], normals: readonly Vector[] | null, uvs: readonly number[] = []): boolean {
    const [a, b, c] = corners;
    if (this.triangles >= MOST.triangles) return false;
    if (!a || !b || !c || !corners.every(isFinitePlace)) return true;
    const flat = normals ?? Array<Vector>(3).fill(normalOf(a, b, c));
    corners.forEach((place, at) => {
      add(patch, place, colors[at] ?? colors[0] ?? [160, 160, 160]);
      patch.normals.push(...(flat[at] ?? [0, 0, 1]));
    });
    if (patch.picture) patch.uvs.push(...uvs);
    this.triangles += 1;
    return true;
  }

  get isFull(): boolean {
    return this.triangles >= MOST.triangles;
  }

  get shownTriangles(): number {
    return this.triangles;
  }

  /** Raises `SceneError` when there is nothing to draw. */
  finish(up: Scene["up"], counts: Scene["counts"]): Scene {
    const all = [this.points, this.balls, this.lines, ...this.patches];
    if (all.every((shapes) => shapes.places.length === 0)) throw new SceneError("empty");
    const box = boundsOf(all.map((shapes) => shapes.places));
    const { middle } = box;
    const around = (places: readonly number[]) => Float32Array.from(places, (value, at) => value - (middle[at % 3] ?? 0));
    const drawn = (shapes: Shapes) => ({ positions: around(shapes.places), colors: Uint8Array.from(shapes.colors) });
    const surfaces: Surface[] = this.patches.filter((patch) => patch.places.length > 0).map((patch) => ({ ...drawn(patch), normals: Float32Array.from(patch.normals), places: Float32Array.from(patch.uvs), picture: patch.picture }));
    const labels = this.labels.map((label) => ({ ...label, at: label.at.map((value, at) => value - (middle[at] ?? 0)) as Vector }));
    const most = this.balls.radii.reduce((a, b) => Math.max(a, b), 0);
    return { points: drawn(this.points), balls: { ...drawn(this.balls), radii: Float32Array.from(this.balls.radii) }, lines: drawn(this.lines), surfaces, labels, radius: box.radius + most || 1, up, counts };
  }
}

function add(shapes: Shapes, [x, y, z]: Vector, [r, g, b]: Rgb): void {
  shapes.places.push(x, y, z);
  shapes.colors.push(r, g, b);
}

export function normalOf(a: Vector, b: Vector, c: Vector): Vector {
  const [ux, uy, uz] = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
  const [vx, vy, vz] = [c[0] - a[0], c[1] - a[1], c[2] - a[2]];
  const [x, y, z] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
  const length = Math.hypot(x, y, z) || 1;
  return [x / length, y / length, z / length];
}

const SAMPLED = 20_000;
const FEW = 500; // places from which a few that lie far out do not decide what is in view

/** Where the middle is and how far the rest lies from it; of many places one in a hundred may lie farther out. */
function boundsOf(lists: readonly (readonly number[])[]): { middle: Vector; radius: number } {
  const total = lists.reduce((sum, list) => sum + list.length / 3, 0);
  const step = Math.max(1, Math.ceil(total / SAMPLED));
  const axes: [number[], number[], number[]] = [[], [], []];
  for (const list of lists) for (let at = 0; at < list.length / 3; at += step) axes.forEach((values, axis) => values.push(list[3 * at + axis] ?? 0));
  const spans = axes.map((values) => {
    values.sort((a, b) => a - b);
    const cut = values.length > FEW ? Math.floor(values.length / 200) : 0;
    return [values[cut] ?? 0, values[values.length - 1 - cut] ?? 0] as const;
  });
  const middle = spans.map(([low, high]) => low / 2 + high / 2) as Vector;
  return { middle, radius: Math.hypot(...spans.map(([low, high]) => (high - low) / 2)) };
}
