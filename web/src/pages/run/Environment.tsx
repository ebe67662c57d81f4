import { type ReactElement, useState } from "react";
import type { Run } from "../../api/types";
import { CopyButton, Empty, Facts, Panel } from "../../components/basic";
import { formatSize, formatTime } from "../../lib/format";
import { t } from "../../messages";
import { FindBox, KeyValues } from "./Overview";

export function EnvironmentTab({ run }: { run: Run }): ReactElement {
  const [text, setText] = useState("");
  const env = run.environment;
  if (!env) return <Empty title={t("env.none")} />;
  const packages = env.packages ?? [];
  const shown = packages.filter(([name]) => name.toLowerCase().includes(text.toLowerCase()));
  return (
    <div className="columns">
      <div className="column">
        <Panel
          title={t("env.packages")}
          count={packages.length}
          actions={
            <>
              <FindBox value={text} onChange={setText} />
              <CopyButton text={packages.map(([name, version]) => `${name}==${version}`).join("\n")} />
            </>
          }
        >
          <div className="table-wrap tall">
            <table className="data-table">
              <thead>
                <tr>
                  <th>{t("table.name")}</th>
                  <th>{t("table.version")}</th>
                  <th>{t("table.origin")}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map(([name, version, origin]) => (
                  <tr key={name}>
                    <td>{name}</td>
                    <td className="num">{version}</td>
                    <td className="hint">{origin}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      </div>
      <div className="column">
        <Panel title={t("tab.environment")}>
          <Facts
            facts={[
              ["fact.python", [env.python, env.implementation].filter(Boolean).join(" · ")],
              ["fact.executable", run.executable && <code>{run.executable}</code>],
              ["fact.os", env.os],
              ["fact.cpu", env.cpu && `${env.cpu} × ${env.cpus}`],
              ["fact.memory", env.memory > 0 && formatSize(env.memory)],
              ["fact.gpus", env.gpus.join(", ")],
              ["fact.cuda", env.cuda],
              ["fact.host", env.hostname],
              ["fact.captured", formatTime(run.captured?.ended ?? 0)],
            ]}
          />
        </Panel>
        <Panel title={t("env.variables")} count={Object.keys(env.variables ?? {}).length}>
          <KeyValues values={env.variables ?? {}} />
        </Panel>
        {(run.segments?.length ?? 0) > 0 && (
          <Panel title={t("run.writers")} count={run.segments?.length ?? 0}>
            <table className="data-table">
              <tbody>
                {run.segments?.map((segment) => (
                  <tr key={segment.id}>
                    <td>{segment.writer}</td>
                    <td>{segment.host}</td>
                    <td className="num">
                      pid {segment.pid} · rank {segment.rank}
                    </td>
                    <td className="num">{formatTime(segment.began)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Panel>
        )}
      </div>
    </div>
  );
}
