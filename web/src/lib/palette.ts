/** Colours for classes, series and bins: the hues of the runs, by number. */
import { hues } from "./color";

export function hue(index: number, dark: boolean): string {
  const colors = hues(dark);
  return colors[((index % colors.length) + colors.length) % colors.length] ?? "#888888";
}

/** Red, green and blue of `#rrggbb`. */
export function channels(color: string): [number, number, number] {
  const at = (start: number) => Number.parseInt(color.slice(start, start + 2), 16) || 0;
  return [at(1), at(3), at(5)];
}
