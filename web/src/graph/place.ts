/** From layers to coordinates. A graph that is much too long is folded into bands, like the lines of a text. */
import type { Item } from "./layout";

export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Layout {
  places: Map<string, Place>;
  /** The line of each edge, as a path of SVG; empty for one that leads nowhere. */
  paths: string[];
  width: number;
  height: number;
}

export type Direction = "right" | "down";

const BETWEEN_LAYERS = 64;
const BETWEEN_BANDS = 56;
const MOST_BANDS = 40;
const MOST_WIRES = 16; // lines that may go round from one band to the next
const WORTH = 1.25; // how much larger a drawing must get to be folded
/** A frame of usual size: along the direction, and across it. */
const FRAMES: Record<Direction, readonly [number, number]> = { right: [1400, 760], down: [620, 390] };

/** Layers one after the other; `low` and `high` are its bounds across them. */
interface Band {
  first: number;
  end: number;
  low: number;
  high: number;
  /** Where it starts, across. */
  offset: number;
  /** Its length along the direction. */
  length: number;
}

type Point = [along: number, across: number];

export function place(items: ReadonlyMap<string, Item>, layers: readonly Item[][], ways: readonly (readonly Item[])[], direction: Direction): Layout {
  const depths = layers.map((layer) => Math.max(...layer.map((one) => one.depth), 0));
  const bands = folded(layers, depths, FRAMES[direction]);
  const bandOf = layers.map((_, layer) => bands.findIndex((band) => layer < band.end));
  const starts: number[] = [];
  layers.forEach((_, layer) => starts.push(bands.some((band) => band.first === layer) ? 0 : (starts[layer - 1] ?? 0) + (depths[layer - 1] ?? 0) + BETWEEN_LAYERS));
  const corner = (one: Item): Point => {
    const band = bands[bandOf[one.layer] ?? 0];
    return [starts[one.layer] ?? 0, one.at - (band?.low ?? 0) + (band?.offset ?? 0)];
  };
  const turned = direction === "down";
  const places = new Map<string, Place>();
  for (const [id, one] of items) {
    const [along, middle] = corner(one);
    const across = middle - one.size / 2;
    places.set(id, turned ? { x: across, y: along, width: one.size, height: one.depth } : { x: along, y: across, width: one.depth, height: one.size });
  }
  const length = Math.max(...bands.map((band) => band.length), 0);
  const paths = ways.map((way) => {
    const pen = new Pen(turned);
    way.forEach((one, at) => {
      const [along, across] = corner(one);
      const before = way[at - 1];
      const from = before && bandOf[before.layer];
      if (!before) pen.start([along + one.depth, across]);
      else if (from === bandOf[one.layer]) pen.bend([along, across]);
      else pen.round([along, across], length, (bands[bandOf[one.layer] ?? 0]?.offset ?? 0) - BETWEEN_BANDS / 2);
      if (at > 0 && at < way.length - 1) pen.bend([along + (depths[one.layer] ?? 0), across]);
    });
    return pen.path;
  });
  const last = bands.at(-1);
  const across = last ? last.offset + last.high - last.low : 0;
  return { places, paths, width: turned ? across : length, height: turned ? length : across };
}

/** One band, unless several make the drawing clearly larger in a frame of usual shape. */
function folded(layers: readonly Item[][], depths: readonly number[], [along, across]: readonly [number, number]): Band[] {
  const scaleOf = (bands: readonly Band[]) => {
    const last = bands.at(-1);
    const high = last ? last.offset + last.high - last.low : 1;
    return Math.min(1, along / Math.max(1, ...bands.map((band) => band.length)), across / Math.max(1, high));
  };
  const total = depths.reduce((sum, depth) => sum + depth + BETWEEN_LAYERS, 0);
  let best = inBands(layers, depths, Number.POSITIVE_INFINITY);
  let scale = scaleOf(best) * WORTH;
  for (let count = 2; count <= MOST_BANDS && total / count > along; count++) {
    const bands = inBands(layers, depths, total / count);
    if (scaleOf(bands) > scale) [best, scale] = [bands, scaleOf(bands)];
  }
  return best;
}

/** Bands of at least this length, cut only where few edges go through. */
function inBands(layers: readonly Item[][], depths: readonly number[], least: number): Band[] {
  const bands: Band[] = [];
  let [first, length] = [0, 0];
  let offset = 0;
  layers.forEach((_, layer) => {
    length += (layer > first ? BETWEEN_LAYERS : 0) + (depths[layer] ?? 0);
    const isLast = layer === layers.length - 1;
    const through = (layers[layer] ?? []).reduce((sum, one) => sum + one.after.length, 0);
    if (!isLast && (length < least || through > MOST_WIRES)) return;
    const members = layers.slice(first, layer + 1).flat();
    const low = Math.min(...members.map((one) => one.at - one.size / 2));
    const high = Math.max(...members.map((one) => one.at + one.size / 2));
    bands.push({ first, end: layer + 1, low, high, offset, length });
    offset += high - low + BETWEEN_BANDS;
    [first, length] = [layer + 1, 0];
  });
  return bands;
}

/** Draws a line that leaves and arrives along the direction. */
class Pen {
  path = "";
  private at: Point = [0, 0];

  constructor(private readonly turned: boolean) {}

  start(point: Point): void {
    this.path = `M${this.text(point)}`;
    this.at = point;
  }

  bend(point: Point): void {
    const middle = (this.at[0] + point[0]) / 2;
    this.path += `C${this.text([middle, this.at[1]])} ${this.text([middle, point[1]])} ${this.text(point)}`;
    this.at = point;
  }

  /** Round the end of a band to the start of the next: out, back through the gap, and in. All such lines are one there. */
  round(point: Point, length: number, gap: number): void {
    const corners: Point[] = [
      [length + MARGIN, this.at[1]],
      [length + MARGIN, gap],
      [-MARGIN, gap],
      [-MARGIN, point[1]],
    ];
    corners.forEach((corner, index) => {
      const [from, to] = [corners[index - 1] ?? this.at, corners[index + 1] ?? point];
      this.path += `L${this.text(near(corner, from))}Q${this.text(corner)} ${this.text(near(corner, to))}`;
    });
    this.path += `L${this.text(point)}`;
    this.at = point;
  }

  private text([along, across]: Point): string {
    const [x, y] = this.turned ? [across, along] : [along, across];
    return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
  }
}

const CORNER = 10;
const MARGIN = 16;

/** A point on the way from a corner to another point, one radius off. */
function near(corner: Point, other: Point): Point {
  const distance = Math.hypot(other[0] - corner[0], other[1] - corner[1]);
  const share = distance === 0 ? 0 : Math.min(0.5, CORNER / distance);
  return [corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share];
}
