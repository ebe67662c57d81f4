/** Matrices of four columns, as graphics cards want them. */
import type { Vector } from "./scene";

export type Matrix = readonly number[];

export const IDENTITY: Matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

export function times(a: Matrix, b: Matrix): Matrix {
  return Array.from({ length: 16 }, (_, at) => {
    const [column, row] = [Math.floor(at / 4), at % 4];
    return [0, 1, 2, 3].reduce((sum, k) => sum + (a[4 * k + row] ?? 0) * (b[4 * column + k] ?? 0), 0);
  });
}

export function moved(matrix: Matrix, [x, y, z]: Vector): Vector {
  return [0, 1, 2].map((row) => (matrix[row] ?? 0) * x + (matrix[4 + row] ?? 0) * y + (matrix[8 + row] ?? 0) * z + (matrix[12 + row] ?? 0)) as Vector;
}

/** Turns a direction; its length is not kept. */
export function turned(matrix: Matrix, place: Vector): Vector {
  const [x, y, z] = moved(matrix, place);
  return [x - (matrix[12] ?? 0), y - (matrix[13] ?? 0), z - (matrix[14] ?? 0)];
}

/** Where something stands: moved, turned by a quaternion, and scaled. */
export function placed([tx = 0, ty = 0, tz = 0]: readonly number[], [x = 0, y = 0, z = 0, w = 1]: readonly number[], [sx = 1, sy = 1, sz = 1]: readonly number[]): Matrix {
  return [
    (1 - 2 * (y * y + z * z)) * sx, 2 * (x * y + z * w) * sx, 2 * (x * z - y * w) * sx, 0,
    2 * (x * y - z * w) * sy, (1 - 2 * (x * x + z * z)) * sy, 2 * (y * z + x * w) * sy, 0,
    2 * (x * z + y * w) * sz, 2 * (y * z - x * w) * sz, (1 - 2 * (x * x + y * y)) * sz, 0,
    tx, ty, tz, 1,
  ];
}

export function perspective(angle: number, aspect: number, near: number, far: number): Matrix {
  const f = 1 / Math.tan(angle / 2);
  return [f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1, 0, 0, (2 * far * near) / (near - far), 0];
}

export const shifted = (x: number, y: number, z: number): Matrix => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, x, y, z, 1];

export function aboutX(angle: number): Matrix {
  const [s, c] = [Math.sin(angle), Math.cos(angle)];
  return [1, 0, 0, 0, 0, c, s, 0, 0, -s, c, 0, 0, 0, 0, 1];
}

export function aboutY(angle: number): Matrix {
  const [s, c] = [Math.sin(angle), Math.cos(angle)];
  return [c, 0, -s, 0, 0, 1, 0, 0, s, 0, c, 0, 0, 0, 0, 1];
}
