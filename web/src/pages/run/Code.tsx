import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../../api/client";
import type { FileItem, Omitted, Run } from "../../api/types";
import { CopyButton, Empty, ErrorBox, Facts, Loading, Panel } from "../../components/basic";
import { FileDiff } from "../../components/FileDiff";
import { Icon } from "../../components/Icon";
import { parseDiff } from "../../lib/diff";
import { formatSize, shortDigest } from "../../lib/format";
import { t } from "../../messages";

export function CodeTab({ run }: { run: Run }): ReactElement {
  const code = run.code;
  const diff = useQuery({ queryKey: ["diff", run.id, code?.diff?.digest], queryFn: ({ signal }) => api.diff(run.id, signal), enabled: Boolean(code?.diff), staleTime: Number.POSITIVE_INFINITY });
  if (!code) return <Empty title={t("code.none")} />;
  const checkout = `git fetch && git switch --detach ${code.commit}`;
  return (
    <div className="stack">
      <Panel title={t("tab.code")}>
        <Facts
          facts={[
            ["fact.commit", code.commit && <span className="with-copy"><code>{code.commit}</code><CopyButton text={checkout} label={checkout} /></span>],
            ["fact.branch", code.branch],
            ["fact.remote", code.remote && <code>{code.remote}</code>],
            ["fact.entry", code.entry && <code>{code.entry}</code>],
            ["fact.dirty", t(code.dirty ? "yes" : "no")],
          ]}
        />
      </Panel>
      <OmittedPanel title={t("code.withheld")} items={code.withheld ?? []} warn />
      {!code.dirty && !code.diff && !code.untracked?.length && !code.withheld?.length && <p className="notice good"><Icon name="check" /> {t("code.clean")}</p>}
      {diff.error && <ErrorBox error={diff.error} onRetry={() => void diff.refetch()} />}
      {code.diff && diff.isPending && <Loading />}
      {diff.data !== undefined && parseDiff(diff.data).map((file) => <FileDiff key={file.path} file={file} />)}
      {(code.untracked?.length ?? 0) > 0 && (
        <Panel title={t("code.untracked")} count={code.untracked?.length ?? 0}>
          <FileTable files={code.untracked ?? []} />
        </Panel>
      )}
      <OmittedPanel title={t("code.skipped")} items={code.skipped ?? []} />
    </div>
  );
}

/** Whether a version refers to bytes that this server does not have. */
const elsewhere = (file: FileItem): boolean => !!file.uri && !file.digest.startsWith("blake3:");

export function FileTable({ files, href }: { files: readonly FileItem[]; href?: (file: FileItem) => string }): ReactElement {
  return (
    <div className="table-wrap">
      <table className="data-table">
        <thead>
          <tr>
            <th>{t("table.path")}</th>
            <th className="right">{t("table.size")}</th>
            <th>{t("table.digest")}</th>
          </tr>
        </thead>
        <tbody>
          {files.slice(0, 2000).map((file) => (
            <tr key={file.path}>
              <td>
                {href && !elsewhere(file) ? <a href={href(file)} download>{file.path}</a> : file.path}
                {file.uri && <div className="hint">{/^https?:/.test(file.uri) ? <a href={file.uri} rel="noreferrer noopener">{file.uri}</a> : file.uri}</div>}
              </td>
              <td className="right">{formatSize(file.size)}</td>
              <td>
                <code title={file.digest}>{shortDigest(file.digest)}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function OmittedPanel({ title, items, warn }: { title: string; items: readonly Omitted[]; warn?: boolean }): ReactElement | null {
  if (items.length === 0) return null;
  return (
    <Panel title={title} count={items.length} className={warn ? "panel-warn" : ""}>
      <table className="data-table">
        <tbody>
          {items.map((item) => (
            <tr key={item.path}>
              <td>
                <code>{item.path}</code>
              </td>
              <td>{item.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
