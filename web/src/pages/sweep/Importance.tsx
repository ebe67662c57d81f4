import type { ReactElement } from "react";
import type { Sweep } from "../../api/sweeps";
import { formatNumber } from "../../lib/format";
import { t } from "../../messages";

/** How much each parameter told of the value, and in which direction. */
export function Importance({ rows }: { rows: Sweep["importance"] }): ReactElement {
  if (rows.length === 0) return <p className="panel-body hint">{t("sweep.importance.none")}</p>;
  const most = Math.max(Number.MIN_VALUE, ...rows.map((row) => row.importance));
  return (
    <div className="table-wrap">
      <table className="data-table importance">
        <thead>
          <tr>
            <th>{t("run.config")}</th>
            <th>{t("sweep.share")}</th>
            <th className="right">{t("sweep.correlation")}</th>
          </tr>
        </thead>
        <tbody>
          {[...rows].sort((a, b) => b.importance - a.importance).map((row) => (
            <tr key={row.name}>
              <td>{row.name}</td>
              <td>
                <span className="importance-bar">
                  <span className="share-track" aria-hidden="true">
                    <span className="share-bar" style={{ width: `${(row.importance / most) * 100}%` }} />
                  </span>
                  <span className="num">{formatNumber(row.importance, 2)}</span>
                </span>
              </td>
              <td className={`right ${(row.correlation ?? 0) < 0 ? "minus" : "plus"}`}>{row.correlation === null ? "" : formatNumber(row.correlation, 2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
