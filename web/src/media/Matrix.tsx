import type { ReactElement } from "react";
import { formatNumber } from "../lib/format";
import { t } from "../messages";

/** Counts of true classes (rows) and predicted ones (columns). */
export function Matrix({ labels, rows }: { labels: readonly string[]; rows: readonly (readonly number[])[] }): ReactElement {
  const most = Math.max(1, ...rows.flat());
  return (
    <div className="matrix-wrap" tabIndex={0} role="region" aria-label={t("plot.matrix")}>
      <table className="matrix">
        <thead>
          <tr>
            <th />
            <th colSpan={labels.length} className="matrix-axis">{t("plot.predicted")}</th>
          </tr>
          <tr>
            <th className="matrix-axis">{t("plot.actual")}</th>
            {labels.map((label, at) => (
              <th key={at} scope="col">{label}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              <th scope="row">{labels[at]}</th>
              {row.map((count, column) => (
                <td key={column} title={`${labels[at]} → ${labels[column]}`} style={{ background: `color-mix(in srgb, var(--accent) ${Math.round((count / most) * 70)}%, transparent)` }}>
                  {formatNumber(count)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
