import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api } from "../../api/client";
import { ErrorBox, Loading, Panel } from "../../components/basic";
import { formatSize, shortDigest } from "../../lib/format";
import { setSearch, useParam } from "../../lib/router";
import { t } from "../../messages";

const SIGNS = { "+": "added", "-": "removed", "~": "changed", "": "" } as const;

/** The files of a version; against another version, what came, went and changed stands first. */
export function Tree({ project, version, against }: { project: string; version: string; against: string }): ReactElement {
  const [limit, setLimit] = useState(500);
  const [file] = useParam("file");
  const found = useQuery({
    queryKey: ["dataset-tree", project, version, against, limit],
    queryFn: ({ signal }) => api.datasetTree(project, version, against, limit, signal),
    placeholderData: (last) => last,
  });
  const tree = found.data;
  if (!tree) return <Panel title={t("model.files")}>{found.error ? <ErrorBox error={found.error} onRetry={() => void found.refetch()} /> : <Loading />}</Panel>;
  const changes = [tree.added && `+${tree.added}`, tree.removed && `−${tree.removed}`, tree.changed && `~${tree.changed}`].filter(Boolean).join(" ");
  return (
    <Panel
      className="tree"
      title={t("model.files")}
      count={tree.total - tree.removed}
      actions={
        <span className="hint">
          {against && (changes ? t("datasets.against", { changes, version: shortDigest(against) }) : t("datasets.same"))}
          {formatSize(tree.stored) !== formatSize(tree.size) && ` · ${t("datasets.stored", { size: formatSize(tree.stored) })}`}
        </span>
      }
    >
      <div className="table-wrap">
        <table className="data-table">
          <thead>
            <tr>
              <th>{t("table.path")}</th>
              <th className="right">{t("table.size")}</th>
              <th className="tree-digest">{t("table.digest")}</th>
            </tr>
          </thead>
          <tbody>
            {tree.files.map((item) => (
              <tr key={item.path} className={item.change ? `tree-${SIGNS[item.change]}` : ""}>
                <td>
                  {item.change && (
                    <span className="tree-sign" title={t(`datasets.${SIGNS[item.change] as "added" | "removed" | "changed"}`)}>
                      {item.change === "-" ? "−" : item.change}
                    </span>
                  )}
                  {item.change === "-" || item.size === null ? (
                    item.path
                  ) : (
                    <button type="button" className="link-button" aria-pressed={item.path === file} onClick={() => setSearch({ file: item.path === file ? null : item.path })}>
                      {item.path}
                    </button>
                  )}
                </td>
                <td className="right">{item.size === null ? "–" : formatSize(item.size)}</td>
                <td className="tree-digest">
                  <code title={item.md5}>{item.md5.slice(0, 10)}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {tree.files.length < tree.total && (
        <div className="panel-body">
          {tree.files.length >= 5000 ? (
            <span className="hint">{t("datasets.first", { count: tree.files.length })}</span>
          ) : (
            <button type="button" className="button" onClick={() => setLimit(Math.min(5000, limit * 4))}>
              {t("datasets.more", { count: tree.total - tree.files.length })}
            </button>
          )}
        </div>
      )}
    </Panel>
  );
}
