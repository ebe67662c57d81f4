import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api } from "../../api/client";
import { useLive } from "../../api/events";
import type { ConsoleLine, FileItem, Pipeline, Run, Stage } from "../../api/types";
import { CopyButton, ErrorBox, Link, Loading, Panel } from "../../components/basic";
import { Drawer } from "../../components/Drawer";
import { Icon } from "../../components/Icon";
import { formatSize, formatTime, shellWord, shortDigest } from "../../lib/format";
import { stageOuts } from "../../lib/stages";
import { mergedLines } from "../../lib/console";
import { isOwn } from "../../lib/keys";
import { to, useParam } from "../../lib/router";
import { type Key, t } from "../../messages";
import { ConsoleTab } from "../run/Console";
import { ConfigPanel, MetricsPanel } from "../run/Overview";
import { StageBadge, Took } from "./status";

const TABS = ["console", "metrics", "config", "data"] as const;

interface Props {
  project: string;
  pipeline: Pipeline;
  stage: Stage;
  onOpen: (name: string) => void;
  onClose: () => void;
}

/** One stage: what it printed, its metrics and parameters, what it read and made. */
export function StageDrawer({ project, pipeline, stage, onOpen, onClose }: Props): ReactElement {
  const [tab, setTab] = useParam("tab", stage.kind === "data" ? "data" : "console");
  const earlier = useQuery({
    queryKey: ["stage-run", project, stage.name, pipeline.began],
    queryFn: ({ signal }) => earlierRun(project, pipeline, stage, signal),
    enabled: !stage.run && stage.kind === "stage",
    staleTime: Number.POSITIVE_INFINITY,
  });
  const run = stage.run || earlier.data || "";
  return (
    <Drawer
      title={stage.name}
      action={stage.kind === "stage" && <CopyButton text={`madang repro ${shellWord(stage.name)} --downstream`} label={t("pipeline.again")} />}
      facts={
        <>
          <StageBadge status={stage.status} />
          <Took began={stage.began} ended={stage.ended} />
          {stage.began > 0 && <span className="hint">{formatTime(stage.began)}</span>}
          {run && (
            <Link to={to.run(run)} className="drawer-run">
              {t(stage.run ? "pipeline.run" : "pipeline.earlier")} <Icon name="right" size={12} />
            </Link>
          )}
        </>
      }
      notes={
        <>
          {stage.error && <p className="notice bad">{stage.error}</p>}
          {!stage.run && <p className="hint">{t(`pipeline.why.${stage.status.replace(" ", "")}` as Key)}</p>}
        </>
      }
      onClose={onClose}
    >
      <nav className="tabs" aria-label={t("pipeline.parts")}>
        {TABS.map((name) => (
          <button key={name} type="button" aria-current={name === tab ? "page" : undefined} onClick={() => setTab(name)}>
            {t(`pipeline.tab.${name}`)}
          </button>
        ))}
      </nav>
      <div className="drawer-body">
        {tab === "data" ? <StageData project={project} pipeline={pipeline} stage={stage} run={run} onOpen={onOpen} /> : run ? <StageRun key={run} id={run} tab={tab} /> : earlier.isLoading ? <Loading /> : <p className="hint">{t("pipeline.norun")}</p>}
      </div>
    </Drawer>
  );
}

/** The run that made what a stage without a run of its own holds: the newest before, with the same outputs. */
async function earlierRun(project: string, pipeline: Pipeline, stage: Stage, signal: AbortSignal): Promise<string> {
  const name = stage.name.replaceAll("'", "''");
  const filter = `tags.\`madang.stage\` = '${name}' and status = 'finished'`;
  const found = await api.runs(project, { filter, order_by: ["created_at desc"], limit: 50, keys: [""] }, signal);
  const wanted = stage.outs.map((out) => `${out.path}\0${out.digest}`);
  const fits = (run: Run) => {
    const made = new Set(stageOuts(run).map((out) => `${out.path}\0${out.digest}`));
    return run.created_at <= (stage.ended || pipeline.began) && wanted.every((out) => made.has(out));
  };
  return wanted.length > 0 ? (found.runs.find(fits)?.id ?? "") : "";
}

function StageRun({ id, tab }: { id: string; tab: string }): ReactElement {
  const client = useQueryClient();
  const found = useQuery({ queryKey: ["run", id], queryFn: ({ signal }) => api.run(id, signal) });
  const [fresh, setFresh] = useState<ConsoleLine[]>([]);
  const reload = () => void client.invalidateQueries({ queryKey: ["run", id] });
  useLive(found.data?.status === "running" ? { run: [id] } : null, {
    onPoints: (event) => {
      if (event.console.length) setFresh((lines) => mergedLines(lines, event.console));
      if (event.status !== "running" || Object.keys(event.series).length > 0) reload();
    },
    onOpen: reload,
  });
  const run = found.data;
  if (!run) return found.error ? <ErrorBox error={found.error} onRetry={reload} /> : <Loading />;
  if (tab === "metrics")
    return (
      <div className="stack">
        <MetricsPanel run={run} />
        {Object.keys(run.metrics).some(isOwn) && (
          <p>
            <Link to={to.why(run.id)}>
              {t("why.ask")} <Icon name="right" size={12} />
            </Link>
          </p>
        )}
      </div>
    );
  if (tab === "config") return <ConfigPanel run={run} />;
  return <ConsoleTab run={run} fresh={fresh} />;
}

function StageData({ project, pipeline, stage, run, onOpen }: { project: string; pipeline: Pipeline; stage: Stage; run: string; onOpen: (name: string) => void }): ReactElement {
  const found = useQuery({ queryKey: ["run", run], queryFn: ({ signal }) => api.run(run, signal), enabled: run !== "" });
  const inputs = new Map((found.data?.inputs ?? []).map((item) => [item.path, item]));
  const outs = new Map([...stage.outs, ...(found.data ? stageOuts(found.data) : [])].map((item) => [item.path, item]));
  const makers = new Map(pipeline.stages.flatMap((one) => one.writes.map((path) => [path, one.name] as const)));
  const readers = (path: string) => pipeline.stages.filter((one) => one.reads.includes(path)).map((one) => one.name);
  return (
    <div className="stack">
      <Files title={t("pipeline.reads")} project={project} paths={stage.reads} items={inputs} isData={(path) => Boolean(inputs.get(path)?.out)} stagesOf={(path) => [makers.get(path)].filter((name) => name !== undefined)} onOpen={onOpen} />
      <Files title={t("pipeline.writes")} project={project} paths={stage.writes} items={outs} isData={() => true} stagesOf={readers} onOpen={onOpen} />
    </div>
  );
}

interface FilesProps {
  title: string;
  project: string;
  paths: readonly string[];
  items: ReadonlyMap<string, FileItem>;
  /** Whether a path has a page of its own. */
  isData: (path: string) => boolean;
  stagesOf: (path: string) => string[];
  onOpen: (name: string) => void;
}

function Files({ title, project, paths, items, isData, stagesOf, onOpen }: FilesProps): ReactElement {
  return (
    <Panel title={title} count={paths.length}>
      {paths.length === 0 ? (
        <p className="panel-body hint">{t("pipeline.nofiles")}</p>
      ) : (
        <ul className="stage-files">
          {paths.map((path) => {
            const item = items.get(path);
            return (
              <li key={path}>
                <span className="stage-path">{item && isData(path) ? <Link to={to.dataset(project, path, item.digest)}>{path}</Link> : <code>{path}</code>}</span>
                {item && (
                  <span className="hint nowrap">
                    {formatSize(item.size)} · <code title={item.digest}>{shortDigest(item.digest)}</code>
                  </span>
                )}
                {stagesOf(path).map((name) => (
                  <button key={name} type="button" className="tag stage-link" onClick={() => onOpen(name)}>
                    {name}
                  </button>
                ))}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}
