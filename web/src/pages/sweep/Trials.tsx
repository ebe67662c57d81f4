import { type ReactElement, useMemo, useState } from "react";
import type { Json } from "../../api/types";
import type { Sweep, Trial, TrialState } from "../../api/sweeps";
import { Link } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { formatDuration, formatNumber, formatValue, toNumber } from "../../lib/format";
import { to } from "../../lib/router";
import { t } from "../../messages";

const FIRST = 50;
const LOOKS: Record<TrialState, string> = { running: "running", waiting: "waiting", finished: "finished", stopped: "killed", failed: "failed" };

type Order = { by: string; descending: boolean };

/** The trials as rows; a click on a column's head orders them by it. */
export function Trials({ sweep }: { sweep: Sweep }): ReactElement {
  const parameters = sweep.parameters.filter((parameter) => parameter.kind !== "constant").map((parameter) => parameter.name);
  const [order, setOrder] = useState<Order>({ by: "\0number", descending: true });
  const [all, setAll] = useState(false);
  const rows = useMemo(() => ordered(sweep.trials, order), [sweep.trials, order]);
  const head = (by: string, text: string, className = "") => (
    <th key={by} className={className} aria-sort={order.by === by ? (order.descending ? "descending" : "ascending") : "none"}>
      <button type="button" className="head-button" onClick={() => setOrder({ by, descending: order.by === by ? !order.descending : false })}>
        {text} {order.by === by && <Icon name={order.descending ? "down" : "up"} size={11} />}
      </button>
    </th>
  );
  return (
    <div className="table-wrap tall">
      <table className="data-table trials">
        <thead>
          <tr>
            {head("\0number", "#", "right")}
            <th>{t("table.name")}</th>
            <th>{t("column.status")}</th>
            {head("\0value", sweep.metric?.name ?? t("sweep.value"), "right")}
            {parameters.map((name) => head(name, name))}
            <th className="right">{t("fact.duration")}</th>
            <th>{t("fact.host")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, all ? rows.length : FIRST).map((trial) => (
            <tr key={trial.number} aria-selected={trial.number === sweep.best?.number}>
              <td className="right">{trial.number}</td>
              <td>{trial.run ? <Link to={to.run(trial.run)}>{trial.name || trial.run.slice(0, 8)}</Link> : ""}</td>
              <td title={trial.error || undefined}>
                <span className={`status status-${LOOKS[trial.state]}`}>
                  <i aria-hidden="true" />
                  {t(`trial.${trial.state}`)}
                </span>
                {trial.attempt > 1 && <small> {t("sweep.attempt", { count: trial.attempt })}</small>}
              </td>
              <td className="right strong">{formatNumber(trial.value as number | null)}</td>
              {parameters.map((name) => (
                <td key={name} className={typeof trial.params[name] === "number" ? "num" : ""}>{formatValue(trial.params[name])}</td>
              ))}
              <td className="right">{trial.begun_at > 0 && trial.ended_at > 0 ? formatDuration(trial.ended_at - trial.begun_at) : ""}</td>
              <td>{trial.host}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > FIRST && !all && (
        <button type="button" className="link-button more" onClick={() => setAll(true)}>
          {t("sweep.more", { count: rows.length })}
        </button>
      )}
    </div>
  );
}

function ordered(trials: readonly Trial[], { by, descending }: Order): Trial[] {
  const keyOf = (trial: Trial): Json | undefined => (by === "\0number" ? trial.number : by === "\0value" ? trial.value : trial.params[by]);
  return [...trials].sort((a, b) => {
    const [x, y] = [keyOf(a), keyOf(b)];
    const [isNone, isNothing] = [x === undefined || x === null, y === undefined || y === null];
    if (isNone || isNothing) return Number(isNone) - Number(isNothing); // those without stand last either way
    const [p, q] = [toNumber(x), toNumber(y)];
    const way = p !== null && q !== null ? p - q : formatValue(x).localeCompare(formatValue(y));
    return descending ? -way : way;
  });
}
