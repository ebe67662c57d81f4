import type { ReactElement } from "react";
import type { Run } from "../api/types";
import { Link, StatusBadge } from "../components/basic";
import { formatAgo, formatDuration, formatNumber, formatTime, formatValue, toNumber } from "../lib/format";
import { parseField } from "../lib/query";
import { to } from "../lib/router";
import { language } from "../messages";
import { isOwnTag } from "../lib/stages";
import { cellValue, delta, largerIsBetter } from "./columns";

/** One value of a run, by column. */
export function Cell({ run, id, baseline }: { run: Run; id: string; baseline: Run | undefined }): ReactElement {
  switch (id) {
    case "name":
      return (
        <Link to={to.run(run.id)} className="run-link" title={run.name}>
          {run.name || run.id.slice(0, 8)}
        </Link>
      );
    case "status":
      return <StatusBadge status={run.status} />;
    case "created_at":
      return <time title={formatTime(run.created_at)}>{formatAgo(run.created_at, language())}</time>;
    case "duration":
      return <span className="num">{formatDuration(run.duration)}</span>;
    case "commit":
      return <code title={run.code?.commit}>{(run.code?.commit ?? "").slice(0, 8) + (run.code?.dirty ? "*" : "")}</code>;
    case "tags":
      return <TagList tags={run.tags} />;
    case "id":
      return <code title={run.id}>{run.id.slice(0, 8)}</code>;
    default:
      return <PlainCell run={run} id={id} baseline={baseline} />;
  }
}

function PlainCell({ run, id, baseline }: { run: Run; id: string; baseline: Run | undefined }): ReactElement {
  const value = cellValue(run, id);
  if (value === undefined || value === null || value === "") return <span className="none">–</span>;
  const field = parseField(id);
  const numeric = typeof value === "number" || (field.scope === "metrics" && toNumber(value) !== null);
  const text = formatValue(value);
  if (!numeric) return <span title={text}>{text}</span>;
  const change = field.scope === "metrics" && baseline && baseline.id !== run.id ? delta(value, cellValue(baseline, id)) : null;
  return (
    <span className="num" title={String(value)}>
      {change !== null && change !== 0 && <Delta change={change} better={largerIsBetter(run, field.key)} />}
      {formatNumber(value as number)}
    </span>
  );
}

function Delta({ change, better }: { change: number; better: boolean | null }): ReactElement {
  const good = better === null ? "" : change > 0 === better ? " good" : " bad";
  return (
    <small className={`delta${good}`}>
      {change > 0 ? "▲" : "▼"}
      {formatNumber(Math.abs(change), 2)}
    </small>
  );
}

export function TagList({ tags }: { tags: Record<string, string> }): ReactElement {
  return (
    <span className="tags">
      {Object.entries(tags).filter(([key]) => !isOwnTag(key)).map(([key, value]) => (
        <span key={key} className="tag" title={value ? `${key}: ${value}` : key}>
          {key}
          {value && <em>{value}</em>}
        </span>
      ))}
    </span>
  );
}
