import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo } from "react";
import { api } from "../../api/client";
import type { Run } from "../../api/types";
import { Charts } from "../../charts/Charts";
import type { PlotRun } from "../../charts/plot";
import { useChartView } from "../../charts/settings";
import { ChartToolbar } from "../../charts/Toolbar";
import { Empty } from "../../components/basic";
import { paletteOf } from "../../lib/color";
import { isSystem } from "../../lib/keys";
import { useDark } from "../../lib/theme";
import { t } from "../../messages";

/** The charts of one run: what it logged, or how the machine did. */
export function RunCharts({ run, system }: { run: Run; system: boolean }): ReactElement {
  const view = useChartView();
  const dark = useDark();
  const count = Object.keys(run.metrics).length;
  const keys = useQuery({
    queryKey: ["keys", run.project, run.id, count],
    queryFn: ({ signal }) => api.metricKeys(run.project, { run: run.id, limit: 5000 }, signal),
    placeholderData: (before) => before,
  });
  const runs = useMemo<PlotRun[]>(
    () => [{ id: run.id, name: run.name || run.id.slice(0, 8), origin: run.created_at, baseline: false, definitions: run.definitions, ...paletteOf(run.project).style(run.id, dark) }],
    [run.id, run.name, run.created_at, run.project, Object.keys(run.definitions ?? {}).join(), dark],
  );
  const shown = keys.data?.filter((key) => isSystem(key.name) === system);
  if (system && shown?.length === 0) return <Empty title={t("system.none")} />;
  return (
    <div className="run-charts">
      <ChartToolbar view={view} />
      <Charts project={system ? `${run.project}.system` : run.project} keys={shown} error={keys.error} onRetry={() => void keys.refetch()} runs={runs} view={view} sync={`run-${run.id}`} openSystem={system} />
    </div>
  );
}
