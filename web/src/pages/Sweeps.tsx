import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import { useProjectChanges } from "../api/events";
import type { SweepSummary } from "../api/sweeps";
import { Empty, Link, Loading, PageError, Snippet } from "../components/basic";
import { formatAgo, formatTime, formatValue } from "../lib/format";
import { to } from "../lib/router";
import { language, t } from "../messages";
import { SweepBadge, SweepCounts } from "./sweep/SweepState";

/** The sweeps of a project, newest first. */
export function SweepsPage({ project }: { project: string }): ReactElement {
  const found = useQuery({ queryKey: ["sweeps", project], queryFn: ({ signal }) => api.sweeps(project, signal) });
  useProjectChanges(project, () => void found.refetch());
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data.length === 0)
    return (
      <main className="page narrow">
        <Empty title={t("sweeps.none")}>
          <p>{t("sweeps.none.hint")}</p>
          <Snippet label="sweep.yaml" code={"method: bayes\nmetric: {name: val/loss, goal: minimize}\nprogram: train.py\nparameters:\n  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}\n  depth: {values: [2, 4, 8]}"} />
          <Snippet label="shell" code={"madang sweep run sweep.yaml"} />
        </Empty>
      </main>
    );
  return (
    <main className="page">
      <header className="page-head">
        <h1>{t("sweeps")}</h1>
      </header>
      <ul className="project-list">
        {found.data.map((sweep) => (
          <li key={sweep.id}>
            <Row project={project} sweep={sweep} />
          </li>
        ))}
      </ul>
    </main>
  );
}

function Row({ project, sweep }: { project: string; sweep: SweepSummary }): ReactElement {
  return (
    <Link to={to.sweep(project, sweep.id)} className="project sweep-row">
      <span className="project-name">
        {sweep.name || sweep.id} <small>{sweep.method}</small>
      </span>
      <SweepBadge state={sweep.state} />
      <SweepCounts sweep={sweep} />
      <span className="project-runs num">
        {sweep.metric?.name} {sweep.best && <b>{formatValue(sweep.best.value)}</b>}
      </span>
      <time className="project-time" title={formatTime(sweep.created_at)}>
        {formatAgo(sweep.created_at, language())}
      </time>
    </Link>
  );
}
