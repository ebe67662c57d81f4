import { type ReactElement, useState } from "react";
import type { ModelChange, PointerChange } from "../../api/types";
import { formatTime } from "../../lib/format";
import { type Key, t } from "../../messages";
import { aliasName } from "./AliasTag";

/** One bar a stage or alias: which version it pointed at, from when to when. */
export function Timeline({ changes }: { changes: readonly PointerChange[] }): ReactElement | null {
  const moves = changes.filter((change) => change.alias !== "latest").sort((a, b) => a.at - b.at);
  const begin = moves[0]?.at;
  if (begin === undefined) return null;
  const end = Date.now() * 1000;
  const share = (at: number) => ((at - begin) / Math.max(1, end - begin)) * 100;
  const names = [...new Set(moves.map((change) => change.alias))].sort((a, b) => rank(a) - rank(b));
  return (
    <div className="timeline">
      {names.map((alias) => {
        const own = moves.filter((change) => change.alias === alias);
        return (
          <div key={alias} className="timeline-row">
            <span className="timeline-name">{aliasName(alias)}</span>
            <span className="timeline-track">
              {own.map((change, at) => {
                const until = own[at + 1]?.at ?? end;
                return change.number === null ? null : (
                  <span
                    key={change.at}
                    className={`timeline-bar shade-${change.number % 4}${alias === "production" ? " production" : ""}`}
                    style={{ left: `${share(change.at)}%`, width: `${Math.max(1.5, share(until) - share(change.at))}%` }}
                    title={`v${change.number} · ${formatTime(change.at)} – ${own[at + 1] ? formatTime(until) : ""}`}
                  >
                    v{change.number}
                  </span>
                );
              })}
            </span>
          </div>
        );
      })}
      <div className="timeline-axis">
        <span>{formatTime(begin).slice(0, 10)}</span>
        <span>{formatTime(end).slice(0, 10)}</span>
      </div>
    </div>
  );
}

const rank = (alias: string) => ({ production: 0, staging: 1, archived: 3 })[alias] ?? 2;

const FEW = 12;

/** Every change of a model: who, when, from, to, why; newest first. */
export function ModelHistory({ changes }: { changes: readonly ModelChange[] }): ReactElement {
  const [isWhole, setIsWhole] = useState(false);
  const shown = isWhole ? changes : changes.slice(0, FEW);
  return (
    <>
      <div className="scroll-x">
        <table className="data-table changes">
          <thead>
            <tr>
              <th>{t("model.when")}</th>
              <th>{t("model.what")}</th>
              <th>{t("model.change")}</th>
              <th>{t("model.by")}</th>
              <th>{t("model.why")}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((change, at) => (
              <tr key={at}>
                <td className="num nowrap">{formatTime(change.at)}</td>
                <td>
                  <span className="hint">{kindName(change.kind)}</span> {aliasName(change.subject)}
                </td>
                <td>
                  {change.from || (isMove(change) ? t("model.nothing") : "–")} → {change.to || (isMove(change) ? t("model.removed") : "–")}
                </td>
                <td>{change.actor}</td>
                <td>{change.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {changes.length > FEW && (
        <button type="button" className="link-button more" onClick={() => setIsWhole(!isWhole)}>
          {isWhole ? t("model.less") : t("model.all", { count: changes.length })}
        </button>
      )}
    </>
  );
}

const isMove = (change: ModelChange) => change.kind === "stage" || change.kind === "alias";
const KINDS = ["stage", "alias", "version", "model", "description", "tag", "name", "protection", "request", "approval", "rejection", "withdrawal", "rule"];
const kindName = (kind: string) => (KINDS.includes(kind) ? t(`model.kind.${kind}` as Key) : kind);

/** Each move with who made it and why, newest first. */
export function Changes({ changes }: { changes: readonly PointerChange[] }): ReactElement {
  const latest = changes.filter((change) => change.alias !== "latest").sort((a, b) => b.at - a.at);
  return (
    <table className="data-table changes">
      <tbody>
        {latest.map((change, at) => (
          <tr key={at}>
            <td className="num nowrap">{formatTime(change.at)}</td>
            <td>
              {t("model.moved", {
                alias: aliasName(change.alias),
                before: change.before === null ? t("model.nothing") : `v${change.before}`,
                after: change.number === null ? t("model.removed") : `v${change.number}`,
              })}
            </td>
            <td>{change.actor}</td>
            <td>{change.reason}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
