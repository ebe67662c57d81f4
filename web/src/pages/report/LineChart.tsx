import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo } from "react";
import { api } from "../../api/client";
import type { LinePanel } from "../../api/reports";
import { ErrorBox, Loading } from "../../components/basic";
import { navigate, to } from "../../lib/router";
import { t } from "../../messages";
import { VegaView } from "../../vega/VegaView";
import { heightOf } from "./layout";
import { lineSpec } from "./lines";
import type { DrawnRun } from "./runs";

const SAMPLES = 400;
const RUNS = 20; // that a panel draws when its report does not say

/** Histories of metrics over steps, time or another metric. */
export function LineChart({ panel, runs }: { panel: LinePanel; runs: readonly DrawnRun[] }): ReactElement {
  const drawn = runs.slice(0, panel.limit || RUNS);
  const ids = drawn.map(({ run }) => run.id);
  const other = panel.x.scope === "metrics" && !panel.x.key.startsWith("_") ? [panel.x.key] : [];
  const keys = [...new Set([...panel.metrics, ...other])];
  const found = useQuery({
    queryKey: ["report-history", ids, keys],
    queryFn: ({ signal }) => api.history(ids, keys, other.length > 0 ? null : SAMPLES, signal),
    enabled: ids.length > 0 && panel.metrics.length > 0,
    staleTime: 30_000,
  });
  const spec = useMemo(() => (found.data ? lineSpec(panel, drawn, found.data) : null), [found.data, panel, runs]);
  const expressions = panel.expressions.length > 0 && <p className="hint">{t("report.expressions", { names: panel.expressions.join(", ") })}</p>;
  if (found.error) return <ErrorBox error={found.error} onRetry={() => void found.refetch()} />;
  if (ids.length === 0 || panel.metrics.length === 0 || (found.data && !spec)) return <div className="panel-body"><p className="hint">{t("report.nothing")}</p>{expressions}</div>;
  if (!spec) return <Loading />;
  return (
    <>
      <VegaView spec={spec} height={heightOf(panel)} label={panel.title || panel.metrics.join(", ")} many onPick={(datum) => typeof datum["run"] === "string" && navigate(to.run(datum["run"]))} />
      {expressions}
    </>
  );
}
