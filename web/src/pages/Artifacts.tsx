import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import { useProjectChanges } from "../api/events";
import { Empty, Link, Loading, PageError, Snippet } from "../components/basic";
import { formatAgo, formatSize, formatTime } from "../lib/format";
import { to, useParam } from "../lib/router";
import { language, t } from "../messages";
import { AliasTag } from "./artifact/AliasTag";

type Area = "models" | "artifacts";

/** All models of a project, or all of its artifacts. */
export function ArtifactsPage({ project, area }: { project: string; area: Area }): ReactElement {
  const [type, setType] = useParam("type");
  const found = useQuery({ queryKey: ["collections", project, area], queryFn: ({ signal }) => api.collections(project, area === "models" ? "model" : undefined, signal) });
  useProjectChanges(project, () => void found.refetch());
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  if (found.data.length === 0) return <NoArtifacts area={area} />;
  const types = [...new Set(found.data.map((item) => item.type))].sort();
  const shown = found.data.filter((item) => !type || item.type === type).sort((a, b) => b.updated_at - a.updated_at);
  return (
    <main className="page">
      <header className="page-head">
        <h1>{t(area)}</h1>
        <span className="grow" />
        {area === "artifacts" && types.length > 1 && (
          <select className="input" aria-label={t("artifacts.type")} value={type} onChange={(event) => setType(event.target.value)}>
            <option value="">{t("artifacts.type")}</option>
            {types.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </header>
      <ul className="project-list">
        {shown.map((item) => (
          <li key={item.name}>
            <Link to={area === "models" ? to.model(project, item.name) : to.artifact(project, item.name)} className="project collection">
              <span className="project-name">
                {item.name} {area === "artifacts" && <small>{item.type}</small>}
              </span>
              <span className="tags">
                {Object.entries(item.aliases)
                  .filter(([alias]) => alias !== "latest")
                  .map(([alias, number]) => (
                    <AliasTag key={alias} alias={alias} number={number} />
                  ))}
              </span>
              <span className="project-runs">
                {t("artifacts.versions", { count: item.versions })} · v{item.latest}
              </span>
              <span className="project-runs">{formatSize(item.size)}</span>
              <time className="project-time" title={formatTime(item.updated_at)}>
                {formatAgo(item.updated_at, language())}
              </time>
            </Link>
          </li>
        ))}
      </ul>
    </main>
  );
}

function NoArtifacts({ area }: { area: Area }): ReactElement {
  const code =
    area === "models"
      ? 'run.log_model(model, "my-model")\n\n# then: madang models promote my-model:v1 production'
      : 'run.log_artifact("data/clean.csv", name="clean-data", type="dataset")';
  return (
    <main className="page narrow">
      <Empty title={t(`${area}.none`)}>
        <p>{t(`${area}.none.hint`)}</p>
        <Snippet code={code} label="train.py" />
      </Empty>
    </main>
  );
}
