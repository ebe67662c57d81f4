/** Which runs are on the charts (in the address) and which are ticked for an action. */
import { useMemo, useRef, useState } from "react";
import type { Run } from "../api/types";

const NEWEST = 10;
const MOST = 200;

export interface Picks {
  shown: string[];
  shownSet: ReadonlySet<string>;
  show: (run: string, on: boolean, range: boolean) => void;
  showOnly: (runs: readonly string[]) => void;
  showFirst: (count: number) => void;
  /** How many rows the address asks for; more are fetched when fewer are there. */
  wanted: number;
  selected: ReadonlySet<string>;
  select: (run: string, on: boolean, range: boolean) => void;
  selectAll: (on: boolean) => void;
  clear: () => void;
}

export function usePicks(rows: readonly Run[], param: string | null, setParam: (value: string | null) => void): Picks {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const lastShown = useRef("");
  const lastSelected = useRef("");
  const head = rows.slice(0, NEWEST).map((run) => run.id).join();
  const shown = useMemo(() => parse(param, rows, head), [param, head, param?.startsWith("first:") ? rows.length : 0]);
  const shownSet = useMemo(() => new Set(shown), [shown]);

  const between = (from: string, to: string): string[] => {
    const [a, b] = [rows.findIndex((run) => run.id === from), rows.findIndex((run) => run.id === to)];
    return a < 0 || b < 0 ? [to] : rows.slice(Math.min(a, b), Math.max(a, b) + 1).map((run) => run.id);
  };
  const write = (runs: readonly string[]) => setParam(runs.length ? [...new Set(runs)].slice(0, MOST).join(",") : "none");
  return {
    shown,
    shownSet,
    show: (run, on, range) => {
      const runs = range ? between(lastShown.current, run) : [run];
      lastShown.current = run;
      write(on ? [...shown, ...runs] : shown.filter((id) => !runs.includes(id)));
    },
    showOnly: write,
    showFirst: (count) => setParam(count === 0 ? "none" : count === NEWEST ? null : `first:${Math.min(MOST, count)}`),
    wanted: param?.startsWith("first:") ? Math.min(MOST, Number(param.slice(6)) || 0) : 0,
    selected,
    select: (run, on, range) => {
      const runs = range ? between(lastSelected.current, run) : [run];
      lastSelected.current = run;
      const next = new Set(selected);
      for (const id of runs) if (on) next.add(id);
      else next.delete(id);
      setSelected(next);
    },
    selectAll: (on) => setSelected(new Set(on ? rows.map((run) => run.id) : [])),
    clear: () => setSelected(new Set()),
  };
}

function parse(param: string | null, rows: readonly Run[], head: string): string[] {
  if (param === null) return head ? head.split(",") : [];
  if (param === "none") return [];
  if (param.startsWith("first:")) return rows.slice(0, Math.min(MOST, Number(param.slice(6)) || 0)).map((run) => run.id);
  return param.split(",").filter(Boolean).slice(0, MOST);
}
