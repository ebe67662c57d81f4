import { type ReactElement, useState } from "react";
import type { MetricKey } from "../api/types";
import { Empty, ErrorBox, Loading } from "../components/basic";
import { Icon } from "../components/Icon";
import { useStored } from "../lib/storage";
import { t } from "../messages";
import { isChartable } from "../table/columns";
import { ChartCard } from "./ChartCard";
import type { PlotRun } from "./plot";
import { type ChartView, metricFilter, sections } from "./settings";

interface Props {
  project: string;
  keys: readonly MetricKey[] | undefined;
  error: unknown;
  onRetry: () => void;
  runs: readonly PlotRun[];
  view: ChartView;
  sync: string;
  /** The system's section starts closed where it is one of many. */
  openSystem?: boolean;
}

const FIRST = 48;

/** All charts, in sections by the first part of the metric's name. */
export function Charts({ project, keys, error, onRetry, runs, view, sync, openSystem = false }: Props): ReactElement {
  const [closed, setClosed] = useStored<Record<string, boolean>>(`sections.${project}`, { system: !openSystem });
  if (error) return <ErrorBox error={error} onRetry={onRetry} />;
  if (!keys) return <Loading />;
  const passes = metricFilter(view.search);
  const names = keys.filter((key) => isChartable(key) && passes(key.name)).map((key) => key.name);
  if (names.length === 0)
    return <Empty title={view.search ? t("charts.nomatch", { text: view.search }) : t("charts.none")}>{!view.search && <p>{t("charts.none.hint")}</p>}</Empty>;
  return (
    <div className="sections">
      {sections(names).map(([section, members]) => {
        const isClosed = (closed[section] ?? false) && !view.search;
        return (
          <section key={section} className="section">
            <h2>
              <button type="button" className="section-head" aria-expanded={!isClosed} onClick={() => setClosed({ ...closed, [section]: !isClosed })}>
                <Icon name="chevron" size={14} />
                {section || t("charts.section.none")}
                <span className="count">{members.length}</span>
              </button>
            </h2>
            {!isClosed && <Cards names={members} prefix={section} runs={runs} view={view} sync={sync} />}
          </section>
        );
      })}
    </div>
  );
}

function Cards({ names, prefix, runs, view, sync }: { names: string[]; prefix: string; runs: readonly PlotRun[]; view: ChartView; sync: string }): ReactElement {
  const [limit, setLimit] = useState(FIRST);
  return (
    <>
      <div className="cards">
        {names.slice(0, limit).map((name) => (
          <ChartCard key={name} metric={name} title={prefix ? name.slice(prefix.length + 1) : name} runs={runs} view={view} sync={sync} />
        ))}
      </div>
      {names.length > limit && (
        <button type="button" className="button" onClick={() => setLimit(limit * 2)}>
          {t("charts.more", { count: names.length - limit })}
        </button>
      )}
    </>
  );
}
