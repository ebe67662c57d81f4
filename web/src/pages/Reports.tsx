import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import { Empty, Link, Loading, PageError, Snippet } from "../components/basic";
import { formatAgo, formatTime } from "../lib/format";
import { to } from "../lib/router";
import { language, t } from "../messages";

/** The reports of a project, the latest change first. */
export function ReportsPage({ project }: { project: string }): ReactElement {
  const found = useQuery({ queryKey: ["reports", project], queryFn: ({ signal }) => api.reports(project, signal) });
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data.length === 0)
    return (
      <main className="page narrow">
        <Empty title={t("reports.none")}>
          <p>{t("reports.none.hint")}</p>
          <Snippet code={`import wandb_workspaces.reports.v2 as wr\n\nreport = wr.Report(project=${JSON.stringify(project)}, title="Findings", blocks=[wr.MarkdownBlock("# What we saw")])\nreport.save()`} />
        </Empty>
      </main>
    );
  return (
    <main className="page">
      <header className="page-head">
        <h1>{t("reports")}</h1>
      </header>
      <ul className="project-list">
        {found.data.map((report) => (
          <li key={report.id}>
            <Link to={to.report(project, report.id)} className="project report-row">
              <span className="project-name">
                {report.title || t("report.untitled")} {report.is_draft && <span className="tag warn">{t("report.draft")}</span>}
              </span>
              <span className="project-note">{report.description}</span>
              <span className="project-runs">{report.author}</span>
              <time className="project-time" title={formatTime(report.updated_at)}>
                {formatAgo(report.updated_at, language())}
              </time>
            </Link>
          </li>
        ))}
      </ul>
    </main>
  );
}
