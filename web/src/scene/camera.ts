/** Where the reader stands: around the middle of a scene, which is turned, moved and brought nearer. */
import { aboutX, aboutY, IDENTITY, type Matrix, moved, perspective, shifted, times } from "./matrix";
import type { Scene, Vector } from "./scene";

export interface Stand {
  /** Angles in radians. */
  turn: number;
  tilt: number;
  /** 1 shows the whole scene. */
  zoom: number;
  /** In radii of the scene, to the right and up. */
  aside: readonly [number, number];
}

export const START: Stand = { turn: 0.6, tilt: 0.45, zoom: 1, aside: [0, 0] };

const ANGLE = 0.7; // radians from top to bottom
const [NEAREST, FARTHEST] = [0.1, 60]; // of zoom
/** What points up in the file points up here. */
const Z_UP: Matrix = [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1];

export interface Lens {
  view: Matrix;
  lens: Matrix;
}

export function lensOf(scene: Pick<Scene, "radius" | "up">, stand: Stand, width: number, height: number): Lens {
  const { radius } = scene;
  const narrow = Math.min(1, width / height);
  const away = (radius * 1.05) / Math.sin(ANGLE / 2) / narrow / stand.zoom;
  const turned = times(times(aboutX(stand.tilt), aboutY(stand.turn)), scene.up === "z" ? Z_UP : IDENTITY);
  const view = times(shifted(stand.aside[0] * radius, stand.aside[1] * radius, -away), turned);
  return { view, lens: perspective(ANGLE, width / height, Math.max(away - radius * 4, away / 200), away + radius * 40) };
}

export const turnedBy = (stand: Stand, right: number, down: number): Stand => ({ ...stand, turn: stand.turn + right, tilt: Math.max(-Math.PI / 2, Math.min(Math.PI / 2, stand.tilt + down)) });
export const zoomedBy = (stand: Stand, factor: number): Stand => ({ ...stand, zoom: Math.max(NEAREST, Math.min(FARTHEST, stand.zoom * factor)) });
export const movedBy = (stand: Stand, right: number, up: number): Stand => ({ ...stand, aside: [stand.aside[0] + right / stand.zoom, stand.aside[1] + up / stand.zoom] });

/** Where a place is seen, in parts of the window from its upper left; null behind the reader. */
export function seenAt({ view, lens }: Lens, place: Vector): [number, number] | null {
  const seen = moved(view, place);
  if (seen[2] >= 0) return null;
  const [x, y] = moved(lens, seen);
  return [0.5 - x / seen[2] / 2, 0.5 + y / seen[2] / 2];
}
