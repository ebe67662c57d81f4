import { useQueries } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api } from "../../api/client";
import type { Run, Version } from "../../api/types";
import { Loading, Panel } from "../../components/basic";
import { formatNumber, formatValue, toNumber } from "../../lib/format";
import { isOwn } from "../../lib/keys";
import { t } from "../../messages";
import { AliasTag } from "./AliasTag";

const MOST = 12;
const [WIDTH, HEIGHT, EDGE] = [560, 132, 22];

/** The newest versions side by side by the metrics of the runs that wrote them, and one metric drawn. */
export function VersionMetrics({ versions }: { versions: readonly Version[] }): ReactElement | null {
  const [chosen, setChosen] = useState("");
  const shown = versions.filter((version) => version.run).slice(0, MOST).reverse();
  const runs = useQueries({ queries: shown.map((version) => ({ queryKey: ["run", version.run], queryFn: ({ signal }: { signal: AbortSignal }) => api.run(version.run, signal), retry: false })) });
  if (shown.length === 0) return null;
  if (runs.some((one) => one.isPending)) return <Panel title={t("model.compare")}><Loading /></Panel>;
  const found = runs.map((one) => one.data);
  const keys = [...new Set(found.flatMap((run) => (run ? [...Object.keys(run.metrics), ...Object.keys(run.summary)] : [])))].filter(isOwn).sort();
  const metric = keys.includes(chosen) ? chosen : (keys.find((key) => /^(val|test|eval)/i.test(key)) ?? keys[0]);
  if (metric === undefined) return <Panel title={t("model.compare")}><p className="panel-body hint">{t("model.no.metrics")}</p></Panel>;
  return (
    <Panel title={t("model.compare")} count={shown.length}>
      <Curve versions={shown} values={found.map((run) => numberOf(run, metric))} metric={metric} />
      <div className="scroll-x">
        <table className="data-table by-metric">
          <thead>
            <tr>
              <th />
              {shown.map((version) => (
                <th key={version.number} className="right">
                  v{version.number} {version.aliases.filter((alias) => alias !== "latest").map((alias) => <AliasTag key={alias} alias={alias} />)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {keys.map((key) => (
              <tr key={key} aria-selected={key === metric}>
                <th scope="row">
                  <button type="button" className="link-button" aria-pressed={key === metric} onClick={() => setChosen(key)}>
                    {key}
                  </button>
                </th>
                {found.map((run, at) => (
                  <td key={shown[at]?.number} className="right">
                    {textOf(run, key)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

/** The value that comparisons show: what was set by hand, else the best where the metric has a goal, else the last. */
const valueOf = (run: Run | undefined, key: string) => {
  const metric = run?.metrics[key];
  return run?.summary[key] ?? (run?.definitions?.[key]?.goal ? (metric?.best ?? metric?.last) : metric?.last);
};
const numberOf = (run: Run | undefined, key: string) => toNumber(valueOf(run, key));
const textOf = (run: Run | undefined, key: string) => {
  const value = valueOf(run, key);
  return value === undefined ? "" : typeof value === "number" ? formatNumber(value) : formatValue(value);
};

function Curve({ versions, values, metric }: { versions: readonly Version[]; values: readonly (number | null)[]; metric: string }): ReactElement {
  const numbers = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const x = (at: number) => (versions.length === 1 ? WIDTH / 2 : EDGE + (at * (WIDTH - 2 * EDGE)) / (versions.length - 1));
  const y = (value: number) => HEIGHT - EDGE - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * EDGE - 12) - (high === low ? 34 : 0);
  const points = values.flatMap((value, at) => (value !== null && Number.isFinite(value) ? [{ at, value }] : []));
  return (
    <svg className="version-curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${metric}: ${points.map(({ at, value }) => `v${versions[at]?.number} ${formatNumber(value)}`).join(", ")}`}>
      <polyline points={points.map(({ at, value }) => `${x(at)},${y(value)}`).join(" ")} />
      {points.map(({ at, value }) => {
        const inProduction = versions[at]?.aliases.includes("production");
        return (
          <g key={at} className={inProduction ? "production" : ""}>
            <circle cx={x(at)} cy={y(value)} r={inProduction ? 5.5 : 4} />
            <text x={x(at)} y={y(value) - 9} textAnchor="middle">
              {formatNumber(value, 4)}
            </text>
          </g>
        );
      })}
      {versions.map((version, at) => (
        <text key={version.number} className="axis" x={x(at)} y={HEIGHT - 4} textAnchor="middle">
          v{version.number}
        </text>
      ))}
    </svg>
  );
}
