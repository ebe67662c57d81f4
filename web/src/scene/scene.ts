/** What a view of three dimensions draws: points, balls, triangles and lines in one space, and what is wrong with its file. */

export const MOST = { points: 1_000_000, triangles: 500_000, lines: 300_000, balls: 200_000, labels: 500, corners: 2_000_000 } as const;

/** A fault of a file; the words are `scene.error.CODE`. */
export class SceneError extends Error {
  constructor(
    readonly code: "broken" | "empty" | "format" | "compressed" | "elsewhere" | "large" | "slow" | "card",
    readonly detail = "",
  ) {
    super(code);
  }
}

export type Vector = [number, number, number];
/** Red, green and blue from 0 to 255. */
export type Rgb = readonly [number, number, number];

/** Places of all corners, three numbers each, around the scene's middle; colours three bytes each. */
export interface Drawn {
  positions: Float32Array<ArrayBuffer>;
  colors: Uint8Array<ArrayBuffer>;
}

export interface Balls extends Drawn {
  radii: Float32Array<ArrayBuffer>;
}

/** Three corners a triangle. */
export interface Surface extends Drawn {
  normals: Float32Array<ArrayBuffer>;
  /** Two numbers a corner; empty without a picture. */
  places: Float32Array<ArrayBuffer>;
  picture: ImageBitmap | null;
}

export interface Label {
  at: Vector;
  text: string;
  color: Rgb;
}

export interface Scene {
  points: Drawn;
  balls: Balls;
  lines: Drawn;
  surfaces: Surface[];
  labels: Label[];
  /** Distance from the middle to what lies farthest out. */
  radius: number;
  /** Which axis of the file points up. */
  up: "y" | "z";
  /** What the file has, and how many of it are drawn. */
  counts: { kind: "points" | "triangles" | "boxes" | "atoms"; count: number; total: number }[];
}

/** Everything that can be handed from a worker without a copy. */
export function buffersOf(scene: Scene): Transferable[] {
  const drawn = [scene.points, scene.balls, scene.lines, ...scene.surfaces].flatMap((one) => [one.positions.buffer, one.colors.buffer]);
  const rest = scene.surfaces.flatMap((one) => [one.normals.buffer, one.places.buffer, ...(one.picture ? [one.picture] : [])]);
  return [...drawn, scene.balls.radii.buffer, ...rest];
}
