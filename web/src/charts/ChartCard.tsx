import { type ReactElement, useEffect, useState } from "react";
import { ErrorBox, IconButton } from "../components/basic";
import { Dialog } from "../components/overlay";
import { useNear } from "../lib/near";
import { t } from "../messages";
import { Chart, stepMetric, type Zoom } from "./Chart";
import type { PlotRun } from "./plot";
import type { ChartView } from "./settings";
import { seriesStore, useSeriesVersion } from "./store";

interface Props {
  metric: string;
  title: string;
  runs: readonly PlotRun[];
  view: ChartView;
  sync: string;
}

const HEIGHT = 196;

/** A chart that fetches its points when it comes near the screen, and none before. */
export function ChartCard({ metric, title, runs, view, sync }: Props): ReactElement {
  const [card, near] = useNear<HTMLElement>();
  const [large, setLarge] = useState(false);
  const over = stepMetric(runs, metric, view.settings);
  return (
    <article className="chart-card" ref={card} aria-label={metric}>
      <header>
        <h3 title={metric}>
          {title} {over && <small>{t("charts.over", { name: over })}</small>}
        </h3>
        <IconButton icon="expand" label={t("charts.expand", { name: metric })} onClick={() => setLarge(true)} />
      </header>
      {near ? <Body metric={metric} runs={runs} view={view} sync={sync} height={HEIGHT} /> : <div style={{ height: HEIGHT }} />}
      {large && (
        <Dialog title={metric} wide onClose={() => setLarge(false)}>
          <Body metric={metric} runs={runs} view={view} sync={`${sync}-large`} height={Math.max(260, window.innerHeight - 190)} />
        </Dialog>
      )}
    </article>
  );
}

function Body({ metric, runs, view, sync, height }: Omit<Props, "title"> & { height: number }): ReactElement {
  const version = useSeriesVersion(metric);
  const ids = runs.map((run) => run.id);
  const over = stepMetric(runs, metric, view.settings);
  const [ownZoom, setOwnZoom] = useState<Zoom>(null); // other charts have other values there
  useEffect(() => {
    seriesStore.want(ids, metric);
    if (over) seriesStore.want(ids, over);
  }, [ids.join(), metric, over, version]);
  const state = seriesStore.state(ids, metric);
  const any = ids.some((run) => (seriesStore.get(run, metric)?.values.length ?? 0) > 0);
  if (any) return <Chart metric={metric} runs={runs} settings={view.settings} zoom={over ? ownZoom : view.zoom} onZoom={over ? setOwnZoom : view.setZoom} height={height} sync={`${sync} ${over}`} />;
  return (
    <div className="chart-none" style={{ height }}>
      {runs.length === 0 ? t("charts.norun") : state === "loading" ? <span className="spinner" role="status" aria-label={t("loading")} /> : state === "error" ? <ErrorBox error={seriesStore.failure} onRetry={() => seriesStore.retry()} /> : t("charts.nopoint")}
    </div>
  );
}
