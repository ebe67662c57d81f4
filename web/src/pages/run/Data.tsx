import type { ReactElement } from "react";
import { api } from "../../api/client";
import type { InputItem, Run } from "../../api/types";
import { Empty, Link, Panel } from "../../components/basic";
import { formatSize, shortDigest } from "../../lib/format";
import { to } from "../../lib/router";
import { type Key, t } from "../../messages";
import { stageOuts } from "../../lib/stages";
import { FileTable } from "./Code";

/** What went in and what came out, as it was observed and as it was declared. */
export function DataTab({ run }: { run: Run }): ReactElement {
  const { inputs = [], uses = [], versions = [], files = [], opened = {} } = run;
  const outputs = [...(run.outputs ?? []), ...stageOuts(run)];
  const paths = Object.entries(opened).sort(([a], [b]) => a.localeCompare(b));
  if (inputs.length + uses.length + versions.length + outputs.length + files.length + paths.length === 0) return <Empty title={t("data.none")} />;
  return (
    <div className="stack">
      <Panel title={t("data.inputs")} count={inputs.length}>
        {inputs.length === 0 ? <p className="panel-body hint">{t("data.inputs.none")}</p> : <Inputs inputs={inputs} run={run} />}
      </Panel>
      {uses.length > 0 && (
        <Panel title={t("data.uses")} count={uses.length}>
          <table className="data-table">
            <tbody>
              {uses.map((use, at) => (
                <tr key={at}>
                  <td>{use.version ? <VersionLink project={run.project} name={use.version} /> : use.ref}</td>
                  <td className="hint">{use.ref !== use.version && use.ref}</td>
                  <td>
                    <code>{use.path}</code>
                  </td>
                  <td className="right">{use.size > 0 && formatSize(use.size)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Panel>
      )}
      {versions.length > 0 && (
        <Panel title={t("data.versions")} count={versions.length}>
          <ul className="panel-body version-list">
            {versions.map((name) => (
              <li key={name}>
                <VersionLink project={run.project} name={name} />
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {outputs.length > 0 && (
        <Panel title={t("data.outputs")} count={outputs.length}>
          <FileTable files={outputs} />
        </Panel>
      )}
      {files.length > 0 && (
        <Panel title={t("data.files")} count={files.length}>
          <FileTable files={files} href={(file) => api.runFile(run.id, file.path)} />
        </Panel>
      )}
      {paths.length > 0 && (
        <Panel title={t("data.opened")} count={paths.length}>
          <div className="table-wrap">
            <table className="data-table">
              <tbody>
                {paths.slice(0, 2000).map(([path, mode]) => (
                  <tr key={path}>
                    <td>
                      <code>{path}</code>
                    </td>
                    <td className="hint">{["r", "w", "rw"].includes(mode) ? t(`data.mode.${mode}` as Key) : mode}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      )}
    </div>
  );
}

function Inputs({ inputs, run }: { inputs: readonly InputItem[]; run: Run }): ReactElement {
  const covered = (path: string) => (run.uses ?? []).some((use) => use.path && (path === use.path || path.startsWith(`${use.path.replace(/\/$/, "")}/`)));
  return (
    <div className="table-wrap">
      <table className="data-table">
        <thead>
          <tr>
            <th>{t("table.path")}</th>
            <th />
            <th className="right">{t("table.size")}</th>
            <th>{t("table.digest")}</th>
          </tr>
        </thead>
        <tbody>
          {inputs.map((item) => (
            <tr key={item.path}>
              <td>
                {item.out ? <Link to={to.dataset(run.project, item.out, item.version)}>{item.path}</Link> : <code>{item.path}</code>}
              </td>
              <td>
                <span className="tags">
                  <span className={(item.declared ?? covered(item.path)) ? "tag good" : "tag warn"}>{t((item.declared ?? covered(item.path)) ? "data.declared" : "data.undeclared")}</span>
                  {!item.tracked_by ? (
                    <span className="tag">{t("data.untracked")}</span>
                  ) : item.recorded && item.recorded !== item.digest ? (
                    <span className="tag bad">{t("data.differs")}</span>
                  ) : (
                    <span className="tag" title={item.tracked_by}>{t("data.recorded")}</span>
                  )}
                </span>
              </td>
              <td className="right">{formatSize(item.size)}</td>
              <td>
                <code title={item.digest}>{shortDigest(item.digest)}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** `name:v3` as a link to that version. */
export function VersionLink({ project, name }: { project: string; name: string }): ReactElement {
  const at = name.lastIndexOf(":v");
  return <Link to={to.artifact(project, at > 0 ? name.slice(0, at) : name, at > 0 ? name.slice(at + 2) : "")}>{name}</Link>;
}
