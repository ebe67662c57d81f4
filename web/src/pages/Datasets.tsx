import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import { Empty, Link, Loading, PageError, Snippet } from "../components/basic";
import { formatAgo, formatSize, formatTime, shortDigest } from "../lib/format";
import { to } from "../lib/router";
import { language, t } from "../messages";

/** All tracked data of a project. */
export function DatasetsPage({ project }: { project: string }): ReactElement {
  const found = useQuery({ queryKey: ["datasets", project], queryFn: ({ signal }) => api.datasets(project, signal) });
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data.length === 0)
    return (
      <main className="page narrow">
        <Empty title={t("datasets.none")}>
          <p>{t("datasets.none.hint")}</p>
          <Snippet code={"madang add data/train.csv\nmadang run -- python train.py"} />
        </Empty>
      </main>
    );
  return (
    <main className="page">
      <header className="page-head">
        <h1>{t("datasets")}</h1>
      </header>
      <ul className="project-list">
        {found.data.map((item) => (
          <li key={item.name}>
            <Link to={to.dataset(project, item.name)} className="project collection dataset">
              <span className="project-name">{item.name}</span>
              <span className="hint">{item.current && item.current.version && <code>{shortDigest(item.current.version)}</code>}</span>
              <span className="project-runs">{item.current?.files != null && item.current.version.endsWith(".dir") && t("datasets.files", { count: item.current.files })}</span>
              <span className="project-runs">{item.current?.size != null && formatSize(item.current.size)}</span>
              <span className="project-time" title={item.last_run ? formatTime(item.last_run) : undefined}>
                {t("projects.runs", { count: item.runs })}
                {item.last_run > 0 && ` · ${formatAgo(item.last_run, language())}`}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </main>
  );
}
