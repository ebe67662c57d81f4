import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../../api/client";
import type { Change, Json, WhyPart } from "../../api/types";
import { Loading, Panel } from "../../components/basic";
import { formatValue } from "../../lib/format";
import { dataOf } from "../../lib/inputs";
import { type Key, t } from "../../messages";
import { CodeDiff } from "../compare/CodeDiff";
import { DataDiff } from "../compare/DataDiff";

const SHOWN = 200;

export const partText = (part: string) => t(`part.${part}` as Key);

/** What differs in one of the six parts, as people want to see it. */
export function PartPanel({ project, before, after, part }: { project: string; before: string; after: string; part: WhyPart }): ReactElement {
  const used = part.detail.filter((change) => change.is_used);
  const idle = part.detail.filter((change) => !change.is_used);
  const share = part.share === null ? "" : `${Math.round(part.share * 100)}%`;
  return (
    <Panel title={partText(part.part)} count={used.length} className={`why-part part-${part.part}`} actions={share && <span className="tag">{t("why.share", { share })}</span>}>
      <div className="panel-body">
        {part.part === "code" ? <CodeDiff before={before} after={after} wanted={(file) => used.some((change) => change.what === file.path)} /> : part.part === "data" ? <DataChanges project={project} runs={[before, after]} changes={used} /> : <Values changes={used} />}
        {part.total > part.detail.length && <p className="hint">{t("code.first", { count: part.detail.length, total: part.total })}</p>}
        {idle.length > 0 && part.part !== "code" && (
          <details className="more-files">
            <summary>{t("why.idle", { count: idle.length })}</summary>
            <Values changes={idle} />
          </details>
        )}
      </div>
    </Panel>
  );
}

function DataChanges({ project, runs, changes }: { project: string; runs: readonly [string, string]; changes: readonly Change[] }): ReactElement {
  const before = useQuery({ queryKey: ["run", runs[0]], queryFn: ({ signal }) => api.run(runs[0], signal) });
  const after = useQuery({ queryKey: ["run", runs[1]], queryFn: ({ signal }) => api.run(runs[1], signal) });
  if (!before.data || !after.data) return before.error || after.error ? <Values changes={changes} /> : <Loading />;
  const [old, now] = [dataOf(before.data), dataOf(after.data)];
  const whole = [...new Set([...old.keys(), ...now.keys()])].filter((path) => old.get(path)?.version !== now.get(path)?.version || old.get(path)?.changed || now.get(path)?.changed);
  const told = (what: string) => whole.some((path) => what === path || what.startsWith(`${path}/`));
  const rest = changes.filter((change) => !told(change.what));
  const inside = changes.filter((change) => told(change.what) && !whole.includes(change.what));
  return (
    <div className="stack">
      {inside.length > 0 && <Values changes={inside} />}
      {whole.sort().map((path) => (
        <DataDiff key={path} project={project} path={path} before={old.get(path)} after={now.get(path)} />
      ))}
      {rest.length > 0 && <Values changes={rest} />}
    </div>
  );
}

/** Names with the old and the new value. */
function Values({ changes }: { changes: readonly Change[] }): ReactElement {
  return (
    <div className="table-wrap">
      <table className="data-table values">
        <thead>
          <tr>
            <th>{t("table.name")}</th>
            <th>{t("why.before")}</th>
            <th>{t("why.after")}</th>
          </tr>
        </thead>
        <tbody>
          {changes.slice(0, SHOWN).map((change) => (
            <tr key={change.what}>
              <td className="key">{change.what}</td>
              <td className="old">{shown(change.old)}</td>
              <td className="new">{shown(change.new)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {changes.length > SHOWN && <p className="hint">{t("datasets.more", { count: changes.length - SHOWN })}</p>}
    </div>
  );
}

function shown(value: Json): ReactElement | string {
  if (value === null) return <span className="none">–</span>;
  const text = formatValue(value);
  return /^(md5|blake3):[0-9a-f]{16,}/.test(text) ? <code title={text}>{text.replace(/^\w+:/, "").slice(0, 12)}</code> : text;
}
