import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import type { DatasetVersion } from "../api/types";
import { CopyButton, Empty, Facts, Link, Loading, PageError, Panel, Snippet, StatusBadge } from "../components/basic";
import { Icon } from "../components/Icon";
import { formatAgo, formatSize, formatTime, shortDigest } from "../lib/format";
import { to, useParam } from "../lib/router";
import { language, t } from "../messages";
import { FilePreview } from "./dataset/Preview";
import { Tree } from "./dataset/Tree";

/** Tracked data: its versions, the files of one with what changed, and the runs that read it. */
export function DatasetPage({ project, name }: { project: string; name: string }): ReactElement {
  const [chosen, setChosen] = useParam("v");
  const [file] = useParam("file");
  const found = useQuery({ queryKey: ["dataset", project, name], queryFn: ({ signal }) => api.datasetVersions(project, name, signal) });
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  const list = found.data;
  const at = Math.max(0, list.findIndex((item) => item.recorded.version === chosen));
  const shown = list[at];
  if (!shown) return <main className="page"><Empty title={t("datasets.unknown", { name })} /></main>;
  const folder = shown.recorded.version.endsWith(".dir");
  const against = list[at + 1]?.is_stored ? (list[at + 1]?.recorded.version ?? "") : "";
  return (
    <main className="page">
      <header className="page-head">
        <h1>{name}</h1>
        <span className="grow" />
        <Link to={to.lineage(project, `data:${name}@${shown.recorded.version}`)} className="button">
          <Icon name="graph" size={14} /> {t("lineage")}
        </Link>
      </header>
      <div className="columns">
        <div className="column">
          <VersionFacts item={shown} name={name} />
          {!shown.is_stored ? (
            <Panel title={t("model.files")}>
              <p className="panel-body hint">{t("datasets.notstored")}</p>
            </Panel>
          ) : (
            folder && <Tree project={project} version={shown.recorded.version} against={against} />
          )}
          {shown.is_stored && (folder ? file !== "" : true) && (
            <FilePreview key={shown.recorded.version + file} project={project} version={shown.recorded.version} against={against} path={folder ? file : ""} name={folder ? file : name} />
          )}
        </div>
        <div className="column">
          <Panel title={t("model.versions")} count={list.length}>
            <ul className="versions">
              {list.map((item) => (
                <li key={item.recorded.version} className={item === shown ? "current" : ""}>
                  <button type="button" aria-pressed={item === shown} onClick={() => setChosen(item.recorded.version)}>
                    <code>{shortDigest(item.recorded.version)}</code>
                    <span className="versions-text">{item.recorded.message || (item.is_current ? t("datasets.uncommitted") : "")}</span>
                    {item.is_current && <span className="tag">{t("datasets.current")}</span>}
                    {item.recorded.at > 0 && (
                      <time className="hint" title={formatTime(item.recorded.at)}>
                        {formatAgo(item.recorded.at, language())}
                      </time>
                    )}
                  </button>
                </li>
              ))}
            </ul>
          </Panel>
          <Runs item={shown} />
        </div>
      </div>
    </main>
  );
}

function VersionFacts({ item, name }: { item: DatasetVersion; name: string }): ReactElement {
  const { recorded } = item;
  return (
    <>
      <Panel title={shortDigest(recorded.version)}>
        <Facts
          facts={[
            ["table.digest", <span className="with-copy"><code>{recorded.version}</code><CopyButton text={recorded.version} /></span>],
            ["fact.commit", recorded.commit && <span className="with-copy"><code>{recorded.commit.slice(0, 12)}</code><CopyButton text={recorded.commit} /></span>],
            ["fact.created", recorded.at > 0 && formatTime(recorded.at)],
            ["datasets.author", recorded.author],
            ["table.size", recorded.size != null && formatSize(recorded.size)],
            ["datasets.message", recorded.message],
          ]}
        />
      </Panel>
      {recorded.record && !item.is_current && <Snippet code={`git checkout ${recorded.commit.slice(0, 12)} -- ${quoted(recorded.record)}\nmadang checkout ${quoted(name)}`} label={t("datasets.back")} />}
    </>
  );
}

/** A path as a shell takes it. */
const quoted = (path: string) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

function Runs({ item }: { item: DatasetVersion }): ReactElement {
  return (
    <Panel title={t("datasets.runs")} count={item.runs.length}>
      {item.runs.length === 0 ? (
        <p className="panel-body hint">{t("datasets.runs.none")}</p>
      ) : (
        <table className="data-table">
          <tbody>
            {[...item.runs].reverse().slice(0, 200).map((run) => (
              <tr key={run.run}>
                <td>
                  <Link to={to.run(run.run)}>{run.name || run.run.slice(0, 8)}</Link>
                  {run.version.startsWith("~") && <span className="tag">{t("datasets.changed")}</span>}
                </td>
                <td>
                  <StatusBadge status={run.status} />
                </td>
                <td className="right" title={formatTime(run.created_at)}>
                  {formatAgo(run.created_at, language())}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
