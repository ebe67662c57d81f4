import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api } from "../api/client";
import { useProjectChanges } from "../api/events";
import type { Version } from "../api/types";
import { CopyButton, Empty, ErrorBox, Facts, Link, Loading, PageError, Panel, Snippet } from "../components/basic";
import { Icon } from "../components/Icon";
import { formatAgo, formatSize, formatTime, shortDigest } from "../lib/format";
import { to, useParam } from "../lib/router";
import { language, t } from "../messages";
import { AliasTag } from "./artifact/AliasTag";
import { Changes, ModelHistory, Timeline } from "./artifact/History";
import { VersionMetrics } from "./artifact/Metrics";
import { PromoteDialog } from "./artifact/Promote";
import { Reviews } from "./artifact/Reviews";
import { RollbackDialog } from "./artifact/Rollback";
import { FileTable } from "./run/Code";
import { KeyValues } from "./run/Overview";

/** One model or artifact: its versions, what points at them, and who moved it when. */
export function ArtifactPage({ project, name, area }: { project: string; name: string; area: "models" | "artifacts" }): ReactElement {
  const client = useQueryClient();
  const [chosen, setChosen] = useParam("v");
  const [promoting, setPromoting] = useState<Version | null>(null);
  const versions = useQuery({ queryKey: ["versions", project, name], queryFn: ({ signal }) => api.versions(project, name, signal) });
  const pointers = useQuery({ queryKey: ["pointers", project, name], queryFn: ({ signal }) => api.pointers(project, name, signal) });
  const isModelPage = area === "models";
  const protections = useQuery({ queryKey: ["protections", project, name], queryFn: ({ signal }) => api.protections(project, name, signal), enabled: isModelPage });
  const requests = useQuery({ queryKey: ["requests", project, name], queryFn: ({ signal }) => api.requests(project, name, signal), enabled: isModelPage });
  const history = useQuery({ queryKey: ["history", project, name], queryFn: ({ signal }) => api.modelHistory(project, name, signal), enabled: isModelPage });
  const [rollingBack, setRollingBack] = useState(false);
  const reload = () => {
    for (const key of ["versions", "pointers", "version", "protections", "requests", "history"]) void client.invalidateQueries({ queryKey: [key, project, name] });
    void client.invalidateQueries({ queryKey: ["collections", project] });
  };
  useProjectChanges(project, reload);
  if (versions.isPending) return <main className="page"><Loading /></main>;
  if (!versions.data) return <PageError error={versions.error} onRetry={reload} />;
  const list = [...versions.data].sort((a, b) => b.number - a.number);
  const shown = list.find((version) => String(version.number) === chosen) ?? list[0];
  if (!shown) return <main className="page"><Empty title={t(`${area}.none`)} /></main>;
  const aliases = Object.fromEntries(list.flatMap((version) => version.aliases.map((alias) => [alias, version.number])));
  const isModel = shown.type === "model";
  const back = [...new Set((pointers.data ?? []).filter((change) => change.before !== null && !change.alias.includes("/")).map((change) => change.alias))];
  return (
    <main className="page">
      <header className="page-head">
        <h1>{name}</h1>
        <span className="hint">{shown.type}</span>
        <span className="grow" />
        <Link to={to.lineage(project, `version:${name}:v${shown.number}`)} className="button">
          <Icon name="graph" size={14} /> {t("lineage")}
        </Link>
        {isModel && back.length > 0 && (
          <button type="button" className="button" onClick={() => setRollingBack(true)}>
            {t("model.rollback")}
          </button>
        )}
        <button type="button" className="button primary" onClick={() => setPromoting(shown)}>
          {t("model.promote")} v{shown.number}
        </button>
      </header>
      <Reviews project={project} name={name} protections={protections.data ?? []} requests={requests.data ?? []} aliases={aliases} onDone={reload} />
      {(pointers.data?.some((change) => change.alias !== "latest") ?? false) && (
        <Panel title={t("model.history")}>
          <Timeline changes={pointers.data ?? []} />
          {!isModel && <Changes changes={pointers.data ?? []} />}
        </Panel>
      )}
      {pointers.error && <ErrorBox error={pointers.error} onRetry={reload} />}
      <div className="columns">
        <div className="column">
          {isModel && <VersionMetrics versions={list} />}
          <VersionDetail project={project} version={shown} isModel={isModel} />
        </div>
        <div className="column">
          <Panel title={t("model.versions")} count={list.length}>
            <ul className="versions">
              {list.map((version) => (
                <li key={version.number} className={version.number === shown.number ? "current" : ""}>
                  <button type="button" aria-pressed={version.number === shown.number} onClick={() => setChosen(String(version.number))}>
                    <b>v{version.number}</b>
                    <span className="tags">
                      {version.aliases.map((alias) => (
                        <AliasTag key={alias} alias={alias} />
                      ))}
                    </span>
                    <time className="hint" title={formatTime(version.created_at)}>
                      {formatAgo(version.created_at, language())}
                    </time>
                  </button>
                </li>
              ))}
            </ul>
          </Panel>
        </div>
      </div>
      {isModel && history.data && (
        <Panel title={t("model.changes")} count={history.data.length}>
          <ModelHistory changes={history.data} />
        </Panel>
      )}
      {rollingBack && <RollbackDialog project={project} name={name} aliases={back} onClose={() => setRollingBack(false)} onDone={reload} />}
      {promoting && <PromoteDialog version={promoting} aliases={aliases} protections={protections.data ?? []} onClose={() => setPromoting(null)} onDone={reload} />}
    </main>
  );
}

function VersionDetail({ project, version, isModel }: { project: string; version: Version; isModel: boolean }): ReactElement {
  const ref = `v${version.number}`;
  const found = useQuery({ queryKey: ["version", project, version.name, ref], queryFn: ({ signal }) => api.version(project, version.name, ref, signal) });
  const target = ["production", ...version.aliases].find((alias) => alias !== "latest" && version.aliases.includes(alias));
  const code = isModel
    ? `import madang\n\nmodel = madang.load_model("${version.name}${target ? `@${target}` : `:${ref}`}")`
    : `import madang\n\nwith madang.init(project="${project}") as run:\n    path = run.use("${version.name}:${ref}")`;
  return (
    <>
      <Panel title={`${version.name}:${ref}`}>
        <Facts
          facts={[
            ["table.digest", <span className="with-copy"><code title={version.digest}>{shortDigest(version.digest)}</code><CopyButton text={version.digest} /></span>],
            ["fact.created", formatTime(version.created_at)],
            ["table.size", formatSize(version.size)],
            ["model.from", version.run && <Link to={to.run(version.run)}>{version.run.slice(0, 12)}</Link>],
            ["fact.user", version.actor],
            ["run.notes", version.description],
          ]}
        />
      </Panel>
      <Snippet code={code} label={t("model.load")} />
      {Object.keys(version.metadata).length > 0 && (
        <Panel title={t("model.metadata")}>
          <KeyValues values={version.metadata} />
        </Panel>
      )}
      <Panel title={t("model.files")} count={version.files}>
        {found.error ? <ErrorBox error={found.error} onRetry={() => void found.refetch()} /> : found.data?.entries ? <FileTable files={found.data.entries} href={(file) => api.versionFile(project, version.name, ref, file.path)} /> : <Loading />}
      </Panel>
    </>
  );
}
