import type { ReactElement } from "react";
import type { Why } from "../../api/types";
import { formatNumber } from "../../lib/format";
import { t } from "../../messages";
import { partText } from "./Part";

const percent = (share: number) => `${share < 0 ? "−" : ""}${Math.abs(Math.round(share * 100))}%`;

/** How the change is divided among the parts, and the runs that have shown it. */
export function Shares({ why }: { why: Why }): ReactElement {
  const parts = why.parts.filter((part) => part.share !== null);
  const widest = Math.max(1, ...parts.map((part) => Math.abs(part.share ?? 0) + (part.spread ?? 0)));
  return (
    <>
      {parts.length > 0 && (
        <dl className="shares">
          {parts.map(({ part, share, spread }) => (
            <div key={part}>
              <dt>{partText(part)}</dt>
              <dd>
                <span className="share-track" aria-hidden="true">
                  <span className={`share-bar part-${part}${(share ?? 0) < 0 ? " against" : ""}`} style={{ width: `${(Math.abs(share ?? 0) / widest) * 100}%` }} />
                  {(spread ?? 0) > 0 && <span className="share-spread" style={{ left: `${(Math.max(0, Math.abs(share ?? 0) - (spread ?? 0)) / widest) * 100}%`, width: `${(Math.min(2 * (spread ?? 0), Math.abs(share ?? 0) + (spread ?? 0)) / widest) * 100}%` }} />}
                </span>
                <span className="num" title={(share ?? 0) < 0 ? t("why.contrary") : undefined}>
                  {percent(share ?? 0)}
                  {(spread ?? 0) > 0 && <span className="hint"> ± {percent(spread ?? 0)}</span>}
                </span>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {why.variants.length > 0 && (
        <details className="more-files">
          <summary>{t("why.variants", { count: why.variants.length })}</summary>
          <div className="table-wrap">
            <table className="data-table">
              <thead>
                <tr>
                  <th>{t("why.variant")}</th>
                  <th className="right">{why.metric}</th>
                </tr>
              </thead>
              <tbody>
                {why.variants.map(({ from_run, values }) => (
                  <tr key={from_run.join()}>
                    <td>{from_run.length === 0 ? t("why.variant.none") : from_run.map(partText).join(" + ")}</td>
                    <td className="right">{values.length === 0 ? t("status.failed") : values.map((value) => formatNumber(value, 6)).join(", ")}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </>
  );
}
