import type { ConsoleLine } from "../api/types";

const KEPT = 20_000;

/** Lines with those that came; one that is sent again replaces the one with its number (progress bars). */
export function mergedLines(lines: readonly ConsoleLine[], added: readonly ConsoleLine[]): ConsoleLine[] {
  const byNumber = new Map(lines.map((line) => [line.n, line]));
  for (const line of added) byNumber.set(line.n, line);
  return [...byNumber.values()].sort((a, b) => a.n - b.n).slice(-KEPT);
}
