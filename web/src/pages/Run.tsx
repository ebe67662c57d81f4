import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api, oneLine } from "../api/client";
import { useLive } from "../api/events";
import type { ConsoleLine, Run } from "../api/types";
import { seriesStore } from "../charts/store";
import { IconButton, Link, Loading, PageError, showCurrent, StatusBadge } from "../components/basic";
import { Icon } from "../components/Icon";
import { toast } from "../components/overlay";
import { mergedLines } from "../lib/console";
import { formatAgo, formatDuration, formatTime } from "../lib/format";
import { to } from "../lib/router";
import { SWEEP } from "../lib/stages";
import { type Key, language, t } from "../messages";
import { CodeTab } from "./run/Code";
import { ConsoleTab } from "./run/Console";
import { DataTab } from "./run/Data";
import { EnvironmentTab } from "./run/Environment";
import { MediaTab } from "./run/Media";
import { StopButton } from "./run/StopButton";
import { Overview } from "./run/Overview";
import { LineageView } from "./lineage/LineageView";
import { WhyTab } from "./why/Why";
import { RunCharts } from "./run/RunCharts";

const TABS = ["overview", "charts", "console", "system", "code", "environment", "data", "media", "why", "lineage"] as const;

/** One run: what it was, what it logged, where it came from. */
export function RunPageView({ id, tab }: { id: string; tab: string }): ReactElement {
  const client = useQueryClient();
  const found = useQuery({ queryKey: ["run", id], queryFn: ({ signal }) => api.run(id, signal) });
  const [fresh, setFresh] = useState<ConsoleLine[]>([]);
  const running = found.data?.status === "running";
  const reload = () => void client.invalidateQueries({ queryKey: ["run", id] });
  useLive(running && found.data ? { run: [found.data.id] } : null, {
    onPoints: (event) => {
      seriesStore.extend(event.run, event.series);
      if (event.console.length) setFresh((lines) => mergedLines(lines, event.console));
      if (event.status !== "running" || Object.keys(event.series).length > 0) reload();
    },
    onOpen: () => {
      seriesStore.refresh([id]);
      reload();
    },
  });
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={reload} />;
  const run = found.data;
  return (
    <main className={["charts", "system", "console", "lineage"].includes(tab) ? "page full" : "page"}>
      <RunHead run={run} onChanged={reload} />
      <nav className="tabs" aria-label={t("tab")} ref={showCurrent}>
        {TABS.map((name) => (
          <Link key={name} to={to.run(id, name === "overview" ? "" : name)} current={name === tab}>
            {t(`tab.${name}` as Key)}
          </Link>
        ))}
      </nav>
      <Body run={run} tab={tab} fresh={fresh} />
    </main>
  );
}

function Body({ run, tab, fresh }: { run: Run; tab: string; fresh: ConsoleLine[] }): ReactElement {
  switch (tab) {
    case "charts":
      return <RunCharts run={run} system={false} />;
    case "system":
      return <RunCharts run={run} system />;
    case "console":
      return <ConsoleTab run={run} fresh={fresh} />;
    case "code":
      return <CodeTab run={run} />;
    case "environment":
      return <EnvironmentTab run={run} />;
    case "data":
      return <DataTab run={run} />;
    case "lineage":
      return <LineageView key={run.id} project={run.project} start={`run:${run.id}`} />;
    case "why":
      return <WhyTab run={run} />;
    case "media":
      return <MediaTab run={run} />;
    default:
      return <Overview run={run} />;
  }
}

function RunHead({ run, onChanged }: { run: Run; onChanged: () => void }): ReactElement {
  const remove = async () => {
    try {
      await api.deleteRun(run.id);
      toast(t("run.deleted.done"), { action: { label: t("undo"), run: () => void restore() } });
      onChanged();
    } catch (error) {
      toast(oneLine(error), { bad: true });
    }
  };
  const sweep = run.tags[SWEEP];
  const restore = async () => {
    await api.restoreRun(run.id);
    onChanged();
  };
  return (
    <header className="run-head">
      <div className="page-head">
        <h1>{run.name || run.id.slice(0, 8)}</h1>
        <StatusBadge status={run.status} />
        <span className="hint">
          <time title={formatTime(run.created_at)}>{formatAgo(run.created_at, language())}</time> · {formatDuration(run.duration)}
          {run.user && ` · ${run.user}`}
        </span>
        {sweep && (
          <Link className="tag" to={to.sweep(run.project, sweep)}>
            {t("sweep.of")} {sweep}
          </Link>
        )}
        <span className="grow" />
        {run.status === "running" && <StopButton run={run} onChanged={onChanged} />}
        {run.deleted_at ? (
          <button type="button" className="button" onClick={() => void restore()}>
            {t("restore")}
          </button>
        ) : (
          <IconButton icon="trash" label={t("delete")} onClick={() => void remove()} />
        )}
      </div>
      {run.deleted_at > 0 && (
        <p className="notice warn">
          <Icon name="warning" /> {t("run.deleted")}
        </p>
      )}
    </header>
  );
}
