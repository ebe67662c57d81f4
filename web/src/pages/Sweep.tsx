import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useMemo } from "react";
import { api, oneLine } from "../api/client";
import { useProjectChanges } from "../api/events";
import type { Sweep, SweepState } from "../api/sweeps";
import { Facts, Link, Loading, PageError, Panel, Snippet } from "../components/basic";
import { Icon, type IconName } from "../components/Icon";
import { toast } from "../components/overlay";
import { formatAgo, formatTime, formatValue } from "../lib/format";
import { navigate, to } from "../lib/router";
import { language, t } from "../messages";
import { Parallel, type ParallelLine } from "../plots/Parallel";
import { Agents } from "./sweep/Agents";
import { Curve } from "./sweep/Curve";
import { Importance } from "./sweep/Importance";
import { SweepBadge, SweepCounts } from "./sweep/SweepState";
import { Trials } from "./sweep/Trials";

const VALUE = "\0value"; // no parameter is called so

/** One sweep: how far it is, what was best, and what mattered. */
export function SweepPage({ project, id }: { project: string; id: string }): ReactElement {
  const found = useQuery({ queryKey: ["sweep", project, id], queryFn: ({ signal }) => api.sweep(project, id, signal) });
  useProjectChanges(project, () => void found.refetch());
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  const sweep = found.data;
  return (
    <main className="page">
      <Head project={project} sweep={sweep} />
      <div className="columns">
        <div className="column">
          <Panel title={t("sweep.curve")}>
            <div className="panel-body">
              <Curve sweep={sweep} />
            </div>
          </Panel>
        </div>
        <div className="column">
          <About project={project} sweep={sweep} />
          <Panel title={t("sweep.importance")}>
            <Importance rows={sweep.importance} />
          </Panel>
        </div>
      </div>
      <ParallelPanel sweep={sweep} />
      <Panel title={t("sweep.trials")} count={sweep.trials.length} actions={<Link className="link-button panel-link" to={to.filtered(project, `tags.\`madang.sweep\` = '${sweep.id}'`)}>{t("sweep.runs.open")}</Link>}>
        <Trials sweep={sweep} />
      </Panel>
      <Panel title={t("sweep.agents")} count={sweep.agents.length}>
        <Agents sweep={sweep} />
      </Panel>
      <Panel title={t("sweep.config")}>
        <div className="panel-body">
          <Snippet code={readable(sweep.text) || JSON.stringify(sweep.config, null, 2)} />
        </div>
      </Panel>
    </main>
  );
}

/** W&B's client writes all but Latin letters as numbers, within quotes: YAML reads both the same. */
const readable = (yaml: string) => yaml.replace(/\\u([0-9a-fA-F]{4})/g, (whole, code: string) => (/["\\\p{C}]/u.test(String.fromCharCode(Number.parseInt(code, 16))) ? whole : String.fromCharCode(Number.parseInt(code, 16))));

const MOVES: Record<SweepState, readonly (readonly [SweepState, IconName, "resume" | "pause" | "stop" | "cancel"])[]> = {
  running: [["paused", "pause", "pause"], ["finished", "check", "stop"], ["cancelled", "close", "cancel"]],
  paused: [["running", "play", "resume"], ["finished", "check", "stop"], ["cancelled", "close", "cancel"]],
  finished: [],
  cancelled: [],
};

function Head({ project, sweep }: { project: string; sweep: Sweep }): ReactElement {
  const client = useQueryClient();
  const move = async (state: SweepState) => {
    try {
      client.setQueryData(["sweep", project, sweep.id], await api.changeSweep(project, sweep.id, { state }));
      void client.invalidateQueries({ queryKey: ["sweeps", project] });
    } catch (error) {
      toast(oneLine(error), { bad: true });
    }
  };
  return (
    <header className="page-head">
      <h1>{sweep.name || sweep.id}</h1>
      <SweepBadge state={sweep.state} />
      <SweepCounts sweep={sweep} />
      <span className="grow" />
      {MOVES[sweep.state].map(([state, icon, name]) => (
        <button key={state} type="button" className="button" title={name === "stop" ? t("sweep.stop.title") : name === "cancel" ? t("sweep.cancel.title") : undefined} onClick={() => void move(state)}>
          <Icon name={icon} /> {t(`sweep.${name}`)}
        </button>
      ))}
    </header>
  );
}

function About({ project, sweep }: { project: string; sweep: Sweep }): ReactElement {
  const { best, metric, early_terminate: early } = sweep;
  return (
    <Panel title={t("run.facts")}>
      <Facts
        facts={[
          ["sweep.best", best && <Link to={to.run(best.run)}>{best.name || best.run.slice(0, 8)} <b className="num">{formatValue(best.value)}</b></Link>],
          ["sweep.metric", metric && `${metric.name} · ${t(`sweep.goal.${metric.goal}`)}`],
          ["sweep.method", sweep.method],
          ["sweep.early", early && [early.type, (early.bands ?? []).join(", ")].filter(Boolean).join(" · ")],
          ["sweep.cap", sweep.run_cap !== null && String(sweep.run_cap)],
          ["sweep.priority", sweep.priority !== 0 && String(sweep.priority)],
          ["fact.entry", sweep.program && <code>{sweep.program}</code>],
          ["run.notes", sweep.description],
          ["fact.user", sweep.created_by],
          ["fact.created", <time title={formatTime(sweep.created_at)}>{formatAgo(sweep.created_at, language())}</time>],
          ["sweep.agents", sweep.agents_alive > 0 && t("sweep.agents.alive", { count: sweep.agents_alive })],
          ["fact.id", <Link to={to.sweep(project, sweep.id)}><code>{sweep.id}</code></Link>],
        ]}
      />
    </Panel>
  );
}

function ParallelPanel({ sweep }: { sweep: Sweep }): ReactElement | null {
  const axes = useMemo(
    () => [
      ...sweep.parameters
        .filter((parameter) => parameter.kind !== "constant")
        .map((parameter) => ({ name: parameter.name, title: parameter.name, isLog: parameter.is_log, values: parameter.kind === "category" ? parameter.values : null })),
      { name: VALUE, title: sweep.metric?.name ?? t("sweep.value") },
    ],
    [sweep.parameters, sweep.metric],
  );
  const lines = useMemo<ParallelLine[]>(
    () => sweep.trials.filter((trial) => trial.value !== null).map((trial) => ({ id: trial.run, title: trial.name || String(trial.number), values: { ...trial.params, [VALUE]: trial.value } })),
    [sweep.trials],
  );
  if (lines.length === 0) return null;
  return (
    <Panel title={t("sweep.parallel")} actions={<span className="hint panel-link wide-only">{t("sweep.parallel.hint")}</span>}>
      <Parallel axes={axes} lines={lines} colorBy={VALUE} lessIsBetter={sweep.metric?.goal !== "maximize"} label={t("sweep.parallel")} onPick={(run) => navigate(to.run(run))} />
    </Panel>
  );
}
