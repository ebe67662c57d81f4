import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import { Loading, PageError } from "../components/basic";
import { formatAgo, formatTime } from "../lib/format";
import { language, t } from "../messages";
import { Blocks } from "./report/Blocks";
import { Share } from "./report/Share";

/** One report, to read. */
export function ReportPage({ project, id }: { project: string; id: string }): ReactElement {
  const found = useQuery({ queryKey: ["report", project, id], queryFn: ({ signal }) => api.report(project, id, signal) });
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  const report = found.data;
  return (
    <main className={`page report report-${report.width}`}>
      <header className="report-head">
        <h1>{report.title || t("report.untitled")}</h1>
        {report.is_draft && <span className="tag warn">{t("report.draft")}</span>}
        {report.description && <p className="report-about">{report.description}</p>}
        <p className="hint">
          {report.author && `${report.author} · `}
          <time title={formatTime(report.updated_at)}>{formatAgo(report.updated_at, language())}</time>
        </p>
        <Share report={report} />
      </header>
      <Blocks blocks={report.blocks} all={report.blocks} />
    </main>
  );
}
