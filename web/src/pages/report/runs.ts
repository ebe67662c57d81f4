/** The runs that the panels of a block draw, with the values that they need. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../../api/client";
import type { Field, PanelsBlock, ReportPanel, ReportRun } from "../../api/reports";
import type { Json, Run } from "../../api/types";
import { paletteOf } from "../../lib/color";
import { idsFilter } from "../../lib/query";
import { useDark } from "../../lib/theme";
import { cellValue } from "../../table/columns";

export interface DrawnRun {
  run: Run;
  name: string;
  color: string;
  set: string;
}

const CHUNK = 200; // runs of one question

/** The runs of all sets that are not hidden; null while they are fetched. */
export function useDrawnRuns(block: PanelsBlock): { runs: DrawnRun[] | null; error: unknown } {
  const dark = useDark();
  const wanted = block.run_sets.map((set) => ({ set, runs: set.runs.filter((run) => !run.is_hidden) }));
  const keys = useMemo(() => neededMetrics(block), [block]);
  const found = useQuery({
    queryKey: ["report-runs", wanted.map(({ set, runs }) => [set.project, runs.map((run) => run.id)]), keys],
    queryFn: async ({ signal }) => new Map((await Promise.all(wanted.map(({ set, runs }) => load(set.project, runs, keys, signal)))).flat().map((run) => [run.id, run])),
    staleTime: 30_000,
  });
  const runs = useMemo(() => {
    if (!found.data) return null;
    return wanted.flatMap(({ set, runs: members }) => {
      const palette = paletteOf(set.project);
      palette.assign(members.map((run) => run.id));
      return members.flatMap((member) => {
        const run = found.data.get(member.id);
        return run ? [{ run, name: member.name || run.name || run.id.slice(0, 8), color: member.color || palette.style(run.id, dark).color, set: set.name }] : [];
      });
    });
  }, [found.data, block, dark]);
  return { runs, error: found.error };
}

async function load(project: string, runs: readonly ReportRun[], keys: readonly string[], signal: AbortSignal): Promise<Run[]> {
  const chunks = Array.from({ length: Math.ceil(runs.length / CHUNK) }, (_, at) => runs.slice(at * CHUNK, (at + 1) * CHUNK));
  const pages = await Promise.all(chunks.map((chunk) => api.runs(project, { filter: idsFilter(chunk.map((run) => run.id)), keys: keys.length ? keys : [""], limit: CHUNK, deleted: "all" }, signal)));
  return pages.flatMap((page) => page.runs);
}

/** The metrics of which a panel or a run set's table needs the last value. */
function neededMetrics(block: PanelsBlock): string[] {
  const fields = [...block.run_sets.flatMap((set) => [...set.columns, ...set.groups]), ...block.panels.flatMap(fieldsOf)];
  return [...new Set(fields.filter((field) => field?.scope === "metrics").map((field) => field?.key ?? ""))].sort();
}

const metric = (key: string): Field => ({ scope: "metrics", key });

function fieldsOf(panel: ReportPanel): (Field | null)[] {
  switch (panel.type) {
    case "line":
      return [panel.group_by];
    case "scatter":
      return [panel.x, panel.y, panel.z];
    case "bar":
    case "scalar":
      return [...panel.metrics, panel.group_by];
    case "parallel":
      return panel.columns.map((column) => column.field);
    case "importance":
      return [panel.target];
    case "media":
      return panel.keys.map(metric);
    case "table":
      return [metric(panel.key)];
    case "chart":
      return [metric(panel.table)];
    default:
      return [];
  }
}

/** What a run has in a field. */
export function fieldValue(run: Run, field: Field): Json | undefined {
  if (field.scope === "metrics") return run.metrics[field.key]?.last ?? run.summary[field.key];
  return cellValue(run, field.scope === "attributes" ? field.key : `${field.scope}:${field.key}`);
}
