import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import { useProjectChanges } from "../api/events";
import type { Pipeline } from "../api/types";
import { Empty, Link, Loading, PageError, Snippet, StatusBadge } from "../components/basic";
import { formatAgo, formatTime } from "../lib/format";
import { to } from "../lib/router";
import { language, t } from "../messages";
import { Counts, Took } from "./pipeline/status";

/** The reproductions of a project, newest first. */
export function PipelinesPage({ project }: { project: string }): ReactElement {
  const found = useInfiniteQuery({
    queryKey: ["pipelines", project],
    queryFn: ({ pageParam, signal }) => api.pipelines(project, pageParam, signal),
    initialPageParam: 0,
    getNextPageParam: (page) => page.before || undefined,
  });
  useProjectChanges(project, () => void found.refetch());
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  const list = found.data.pages.flatMap((page) => page.pipelines);
  if (list.length === 0)
    return (
      <main className="page narrow">
        <Empty title={t("pipelines.none")}>
          <p>{t("pipelines.none.hint")}</p>
          <Snippet code={"madang stage add -n train -d train.py -d data.csv -o model.bin python train.py\nmadang repro"} />
        </Empty>
      </main>
    );
  return (
    <main className="page">
      <header className="page-head">
        <h1>{t("pipelines")}</h1>
      </header>
      <ul className="project-list">
        {list.map((item) => (
          <li key={item.group}>
            <Row project={project} item={item} />
          </li>
        ))}
      </ul>
      {found.hasNextPage && (
        <button type="button" className="button centred" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t("pipelines.more")}
        </button>
      )}
    </main>
  );
}

function Row({ project, item }: { project: string; item: Pipeline }): ReactElement {
  return (
    <Link to={to.pipeline(project, item.group)} className="project pipeline-row">
      <span className="project-name">
        {item.group} <StatusBadge status={item.status} />
      </span>
      <Counts counts={item.counts} />
      <span className="hint pipeline-code">
        {item.branch} {item.commit && <code>{item.commit.slice(0, 8)}</code>}
      </span>
      <span className="project-runs">
        <Took began={item.began} ended={item.ended} />
      </span>
      <time className="project-time" title={formatTime(item.began)}>
        {formatAgo(item.began, language())}
      </time>
    </Link>
  );
}
