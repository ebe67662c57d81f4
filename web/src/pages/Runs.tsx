import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api } from "../api/client";
import { useLive } from "../api/events";
import type { Run } from "../api/types";
import { Charts } from "../charts/Charts";
import type { PlotRun } from "../charts/plot";
import { useChartView } from "../charts/settings";
import { seriesStore } from "../charts/store";
import { ChartToolbar } from "../charts/Toolbar";
import { Loading, PageError } from "../components/basic";
import { paletteOf } from "../lib/color";
import { idsFilter } from "../lib/query";
import { setSearch, useSearch } from "../lib/router";
import { useStored } from "../lib/storage";
import { useDark } from "../lib/theme";
import { t } from "../messages";
import { askedFrom, sortFrom } from "../table/asked";
import { BulkBar } from "../table/BulkBar";
import { type Column, defaultColumns, makeColumn } from "../table/columns";
import { RunTable } from "../table/RunTable";
import { usePicks } from "../table/usePicks";
import { useRunPages } from "../table/useRunPages";
import { NoRuns } from "./NoRuns";
import { RunsBar } from "./RunsBar";
import { SplitView } from "./SplitView";

const START: Column[] = ["name", "status", "created_at", "duration", "user", "tags"].map(makeColumn);

/** A project: its runs beside their charts. */
export function RunsPage({ project }: { project: string }): ReactElement {
  const query = useSearch();
  const [text, group, base] = ["q", "group", "base"].map((name) => query.get(name) ?? "") as [string, string, string];
  const sort = sortFrom(query);
  const deleted = query.get("deleted") === "1";
  const [stored, setColumns] = useStored<Column[] | null>(`columns.${project}`, null);
  const [live, setLive] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const dark = useDark();
  const view = useChartView();

  const keys = useQuery({ queryKey: ["keys", project], queryFn: ({ signal }) => api.metricKeys(project, { limit: 1000 }, signal), staleTime: 20_000 });
  // The first columns follow from a few runs and the metrics; they come before the table asks for its pages.
  const sample = useQuery({
    queryKey: ["sample", project],
    queryFn: ({ signal }) => api.runs(project, { limit: 20 }, signal),
    enabled: stored === null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const first = useMemo(() => (sample.data && keys.data ? defaultColumns(sample.data.runs, keys.data) : START), [sample.data, keys.data]);
  const columns = stored ?? first;
  const asked = askedFrom(query, columns);
  const pages = useRunPages(project, asked, () => (scroller.current?.scrollTop ?? 0) < 40);
  const picks = usePicks(pages.rows, query.get("show"), (show) => setSearch({ show }));

  useEffect(() => {
    if (pages.rows.length < picks.wanted) pages.loadMore();
  }, [pages.rows.length, picks.wanted]);

  const known = useMemo(() => new Map(pages.rows.map((run) => [run.id, run])), [pages.rows]);
  const away = [...new Set([...picks.shown, ...(base ? [base] : [])])].filter((id) => !known.has(id)).slice(0, 250);
  const others = useQuery({
    queryKey: ["runs", project, "picked", away, asked.keys],
    queryFn: ({ signal }) => api.runs(project, { filter: idsFilter(away), keys: asked.keys ?? [], limit: 250, deleted: "all" }, signal),
    enabled: away.length > 0 && !pages.loading,
    placeholderData: (before) => before,
  });
  const runOf = useCallback((id: string): Run | undefined => known.get(id) ?? others.data?.runs.find((run) => run.id === id), [known, others.data]);

  const palette = paletteOf(project);
  const shownRuns = picks.shown.map(runOf).filter((run) => run !== undefined);
  palette.assign(shownRuns.map((run) => run.id));
  const styleOf = useCallback((run: string) => palette.style(run, dark), [palette, dark]);
  const signature = shownRuns.map((run) => `${run.id}${run.name}`).join() + base + dark;
  const plotRuns = useMemo<PlotRun[]>(
    () => shownRuns.map((run) => ({ id: run.id, name: run.name || run.id.slice(0, 8), origin: run.created_at, baseline: run.id === base, definitions: run.definitions, ...styleOf(run.id) })),
    [signature],
  );

  const running = shownRuns.filter((run) => run.status === "running").map((run) => run.id).slice(0, 40);
  const state = useLive({ project }, { onRuns: (event) => pages.touch(event.runs) }, !live);
  useLive(
    running.length > 0 ? { run: running } : null,
    {
      onPoints: (event) => {
        seriesStore.extend(event.run, event.series);
        const names = new Set(keys.data?.map((key) => key.name));
        if (keys.data && Object.keys(event.series).some((name) => !names.has(name)) && !keys.isFetching) void keys.refetch();
      },
      onOpen: () => seriesStore.refresh(running),
    },
    !live,
  );

  if (pages.error && pages.rows.length === 0 && !text) return <PageError error={pages.error} onRetry={pages.reload} />;
  if (!pages.loading && pages.total === 0 && !text && !deleted) return <NoRuns project={project} />;
  const selected = [...picks.selected];
  return (
    <main className="workbench" aria-busy={pages.loading}>
      <h1 className="unseen">{`${project}: ${t("runs")}`}</h1>
      <RunsBar
        project={project}
        pages={pages}
        columns={columns}
        onColumns={setColumns}
        onReset={() => setColumns(null)}
        keys={keys.data ?? []}
        picks={picks}
        live={live}
        onLive={setLive}
        liveState={state}
      />
      <SplitView
        left={
          <div className="table-pane">
            <BulkBar project={project} selected={selected} onClear={picks.clear} onChanged={pages.reload} onShowOnly={() => picks.showOnly(selected)} />
            {pages.rows.length === 0 && pages.loading ? <Loading /> : pages.rows.length === 0 ? <p className="no-match">{t("runs.nomatch")}</p> : (
              <RunTable
                pages={pages}
                columns={columns}
                onColumns={setColumns}
                sort={sort}
                onSort={(next) => setSearch({ sort: `${next.descending ? "-" : ""}${next.id}` })}
                group={group}
                shown={picks.shownSet}
                onShow={picks.show}
                selected={picks.selected}
                onSelect={picks.select}
                onSelectAll={picks.selectAll}
                baseline={base ? runOf(base) : undefined}
                onBaseline={(id) => setSearch({ base: id })}
                styleOf={styleOf}
                scroller={scroller}
              />
            )}
          </div>
        }
        right={
          <div className="charts-pane">
            <ChartToolbar view={view} />
            <div className="charts-scroll">
              <Charts project={project} keys={keys.data} error={keys.error} onRetry={() => void keys.refetch()} runs={plotRuns} view={view} sync={`project-${project}`} />
            </div>
          </div>
        }
      />
    </main>
  );
}
