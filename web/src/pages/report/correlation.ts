/** How parameters and a value move together, over runs: all that can be said of runs that no sweep has chosen. */
import type { Field } from "../../api/reports";
import type { Sweep } from "../../api/sweeps";
import type { Run } from "../../api/types";
import { isHidden } from "../../lib/keys";
import { toNumber } from "../../lib/format";
import { fieldValue } from "./runs";

const LEAST = 4; // runs

/** By parameter: the correlation, and its size as a share of all. */
export function correlations(runs: readonly Run[], target: Field): Sweep["importance"] {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.config)))].filter((name) => !isHidden(name));
  const found = names.flatMap((name) => {
    const pairs = runs.flatMap((run) => {
      const [x, y] = [toNumber(run.config[name]), toNumber(fieldValue(run, target))];
      return x !== null && y !== null && Number.isFinite(x) && Number.isFinite(y) ? [[x, y] as const] : [];
    });
    const correlation = pairs.length < LEAST ? null : pearson(pairs);
    return correlation === null ? [] : [{ name, correlation }];
  });
  const total = found.reduce((sum, { correlation }) => sum + Math.abs(correlation), 0) || 1;
  return found.map(({ name, correlation }) => ({ name, correlation, importance: Math.abs(correlation) / total }));
}

/** Null where one of both never changes. */
function pearson(pairs: readonly (readonly [number, number])[]): number | null {
  const mean = (at: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[at], 0) / pairs.length;
  const [mx, my] = [mean(0), mean(1)];
  const sum = (of: (x: number, y: number) => number) => pairs.reduce((all, [x, y]) => all + of(x - mx, y - my), 0);
  const spread = Math.sqrt(sum((x) => x * x) * sum((_x, y) => y * y));
  return spread > 0 ? sum((x, y) => x * y) / spread : null;
}
