import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api } from "../api/client";
import { Empty, Link, Loading, PageError } from "../components/basic";
import { Icon } from "../components/Icon";
import { formatAgo, formatTime } from "../lib/format";
import { to } from "../lib/router";
import { language, t } from "../messages";
import { FirstRun } from "./NoRuns";

export function ProjectsPage(): ReactElement {
  const [text, setText] = useState("");
  const found = useQuery({ queryKey: ["projects"], queryFn: ({ signal }) => api.projects(signal), refetchInterval: 15_000 });
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (found.error && !found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  const projects = [...(found.data ?? [])].sort((a, b) => b.last_activity - a.last_activity);
  if (projects.length === 0) return <FirstProject />;
  const shown = projects.filter((project) => `${project.title}\n${project.name}`.toLowerCase().includes(text.toLowerCase()));
  return (
    <main className="page">
      <header className="page-head">
        <h1>{t("projects")}</h1>
        <label className="search">
          <Icon name="search" size={14} />
          <input type="search" className="input" aria-label={t("projects.search")} placeholder={t("projects.search")} value={text} onChange={(event) => setText(event.target.value)} />
        </label>
      </header>
      <ul className="project-list">
        {shown.map((project) => (
          <li key={project.name}>
            <Link to={to.project(project.name)} className="project">
              <span className="project-name" title={project.name}>{project.title || project.name}</span>
              <span className="project-note">{project.description}</span>
              <span className="project-live">{project.running > 0 && <span className="status status-running"><i aria-hidden="true" />{t("projects.running", { count: project.running })}</span>}</span>
              <span className="project-runs">{t("projects.runs", { count: project.runs })}</span>
              <time className="project-time" title={formatTime(project.last_activity)}>{formatAgo(project.last_activity, language())}</time>
            </Link>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="no-match">{t("projects.nomatch", { text })}</p>}
    </main>
  );
}

function FirstProject(): ReactElement {
  return (
    <main className="page narrow">
      <Empty title={t("projects.none")}>
        <FirstRun project="first" />
      </Empty>
    </main>
  );
}
