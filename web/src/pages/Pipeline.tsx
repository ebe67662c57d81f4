import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";
import { api } from "../api/client";
import { useProjectChanges } from "../api/events";
import type { Pipeline, Stage } from "../api/types";
import { Choice, CopyButton, Loading, PageError, StatusBadge } from "../components/basic";
import { Icon } from "../components/Icon";
import { formatAgo, formatTime } from "../lib/format";
import { setSearch, useParam } from "../lib/router";
import { useNarrow } from "../lib/theme";
import { language, t } from "../messages";
import { StageDrawer } from "./pipeline/StageDrawer";
import { StageGraph } from "./pipeline/StageGraph";
import { StageList } from "./pipeline/StageList";
import { Counts, Took } from "./pipeline/status";

const CALM = 500; // ms between two readings while stages come and go

/** A reproduction: its stages as a graph or a list, and what one of them printed and made. */
export function PipelinePage({ project, group }: { project: string; group: string }): ReactElement {
  const narrow = useNarrow();
  const [view, setView] = useParam("view");
  const [chosen] = useParam("stage");
  const [text, setText] = useState("");
  const found = useQuery({
    queryKey: ["pipeline", project, group],
    queryFn: ({ signal }) => api.pipeline(project, group, signal),
    refetchInterval: (query) => (query.state.data?.ended === 0 ? 10_000 : false), // one that was killed says nothing
  });
  useProjectChanges(project, () => void found.refetch(), CALM);
  const stages = found.data?.stages;
  const matches = useMemo(() => new Set((stages ?? []).filter((stage) => !text || stage.name.toLowerCase().includes(text.toLowerCase())).map((stage) => stage.name)), [stages, text]);
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data || !stages) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  const shown = view || (narrow && stages.length > 12 ? "list" : "graph");
  const stage = stages.find((one) => one.name === chosen);
  const open = (name: string) => setSearch({ stage: name === chosen ? null : name }, Boolean(chosen));
  return (
    <main className="workbench pipeline-page">
      <PipelineHead pipeline={found.data} />
      <div className="runs-bar">
        <label className="search">
          <Icon name="search" size={14} />
          <input
            type="search"
            className="input"
            aria-label={t("pipeline.search")}
            placeholder={t("pipeline.search")}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              const first = stages.find((one) => matches.has(one.name));
              if (event.key === "Enter" && text && first) open(first.name);
            }}
          />
        </label>
        {text && <span className="hint">{t("pipeline.matches", { count: matches.size })}</span>}
        <span className="grow" />
        <Choice label={t("view")} value={shown} options={[["graph", t("view.graph")], ["list", t("view.list")]]} onChange={setView} />
      </div>
      <div className="pipeline-body">
        {shown === "graph" ? <StageGraph stages={stages} matches={matches} selected={chosen} down={narrow} onOpen={open} /> : <StageList stages={stages} matches={matches} selected={chosen} onOpen={open} />}
        {stage && <StageDrawer key={stage.name} project={project} pipeline={found.data} stage={stage} onOpen={open} onClose={() => close(stage)} />}
      </div>
    </main>
  );
}

/** Closes the drawer; the keyboard goes on where it was opened. */
function close(stage: Stage): void {
  setSearch({ stage: null, tab: null });
  requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-node="${CSS.escape(stage.name)}"]`)?.focus({ preventScroll: true }));
}

function PipelineHead({ pipeline }: { pipeline: Pipeline }): ReactElement {
  return (
    <header className="page-head pipeline-head">
      <h1>{pipeline.group}</h1>
      <StatusBadge status={pipeline.status} />
      <Counts counts={pipeline.counts} />
      <span className="grow" />
      <span className="hint pipeline-facts">
        <Took began={pipeline.began} ended={pipeline.ended} />
        <time title={formatTime(pipeline.began)}>{formatAgo(pipeline.began, language())}</time>
        {pipeline.user && <span>{pipeline.user}</span>}
        {pipeline.branch && (
          <span>
            <Icon name="branch" size={12} /> {pipeline.branch}
          </span>
        )}
        {pipeline.commit && (
          <span className="with-copy">
            <code>{pipeline.commit.slice(0, 8)}</code>
            <CopyButton text={pipeline.commit} />
          </span>
        )}
      </span>
    </header>
  );
}
