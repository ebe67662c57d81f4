import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api } from "../../api/client";
import type { Json, Run, Series } from "../../api/types";
import { Empty, ErrorBox, Loading, Panel } from "../../components/basic";
import { formatNumber, formatValue, toNumber } from "../../lib/format";
import { t } from "../../messages";
import { TableView } from "./MediaTable";

/** Images, tables, histograms and matrices that the run logged, by step. */
export function MediaTab({ run }: { run: Run }): ReactElement {
  const keys = useQuery({ queryKey: ["keys", run.project, run.id, "media"], queryFn: ({ signal }) => api.metricKeys(run.project, { run: run.id, limit: 5000 }, signal) });
  const names = keys.data?.filter((key) => key.kind === "media" || key.kind === "text" || key.kind === "mixed").map((key) => key.name) ?? [];
  const series = useQuery({
    queryKey: ["media", run.id, names, run.seen_at],
    queryFn: async ({ signal }) => (await api.history([run.id], names, null, signal))[run.id] ?? {},
    enabled: names.length > 0,
    placeholderData: (before) => before,
  });
  const error = keys.error ?? series.error;
  if (error) return <ErrorBox error={error} onRetry={() => void keys.refetch()} />;
  if (keys.isPending || (names.length > 0 && !series.data)) return <Loading />;
  const shown = Object.entries(series.data ?? {}).filter(([, found]) => found.values.some(isShown));
  if (shown.length === 0) return <Empty title={t("media.none")} />;
  return (
    <div className="media-grid">
      {shown.map(([name, found]) => (
        <MediaPanel key={name} run={run} name={name} series={found} />
      ))}
    </div>
  );
}

type Pointer = { media: string; path?: string; [fact: string]: Json | undefined };

const pointerOf = (value: Json | undefined): Pointer | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) && typeof value["media"] === "string" ? (value as Pointer) : null;
const isShown = (value: Json) => pointerOf(value) !== null || (typeof value === "string" && toNumber(value) === null);

function MediaPanel({ run, name, series }: { run: Run; name: string; series: Series }): ReactElement {
  const places = series.values.flatMap((value, at) => (isShown(value) ? [at] : []));
  const [chosen, setChosen] = useState<number | null>(null);
  const position = chosen === null ? places.length - 1 : Math.min(chosen, places.length - 1);
  const at = places[position] ?? 0;
  const value = series.values[at];
  const pointer = pointerOf(value);
  return (
    <Panel title={name} actions={<span className="hint num">{t("media.step", { step: formatNumber(series.steps[at] ?? 0, 9) })}</span>}>
      <div className="media-body">{pointer ? <Item run={run} name={name} pointer={pointer} /> : <pre>{formatValue(value)}</pre>}</div>
      {places.length > 1 && (
        <input
          type="range"
          className="media-slider"
          aria-label={t("media.step.label", { name })}
          min={0}
          max={places.length - 1}
          value={position}
          onChange={(event) => setChosen(Number(event.target.value))}
        />
      )}
    </Panel>
  );
}

function Item({ run, name, pointer }: { run: Run; name: string; pointer: Pointer }): ReactElement {
  const address = pointer.path ? api.runFile(run.id, pointer.path) : "";
  const caption = typeof pointer["caption"] === "string" ? pointer["caption"] : "";
  switch (pointer.media) {
    case "image":
      return (
        <figure>
          <img src={address} alt={caption || name} loading="lazy" />
          {caption && <figcaption>{caption}</figcaption>}
        </figure>
      );
    case "video":
      return <video src={address} controls />;
    case "audio":
      return <audio src={address} controls />;
    case "html":
      return <iframe title={name} sandbox="allow-scripts" src={`${address}?sandboxed=true`} />;
    case "table":
      return <TableView run={run.id} path={pointer.path ?? ""} />;
    case "text":
      return <TextView run={run.id} path={pointer.path ?? ""} />;
    case "histogram":
      return <Histogram counts={numbers(pointer["counts"])} edges={numbers(pointer["edges"])} />;
    case "confusion-matrix":
      return <Matrix labels={(pointer["labels"] as string[] | undefined) ?? []} rows={(pointer["matrix"] as number[][] | undefined) ?? []} />;
    default:
      return <a href={address} download>{t("download")} · {pointer.media}</a>;
  }
}

const numbers = (value: Json | undefined) => (Array.isArray(value) ? value.map((item) => toNumber(item) ?? 0) : []);

function TextView({ run, path }: { run: string; path: string }): ReactElement {
  const found = useQuery({ queryKey: ["file", run, path], queryFn: ({ signal }) => api.runFileText(run, path, signal), staleTime: Number.POSITIVE_INFINITY });
  if (found.error) return <ErrorBox error={found.error} />;
  return found.data === undefined ? <Loading /> : <pre>{found.data.slice(0, 200_000)}</pre>;
}

function Histogram({ counts, edges }: { counts: number[]; edges: number[] }): ReactElement {
  const most = Math.max(1, ...counts);
  const width = 100 / Math.max(1, counts.length);
  return (
    <figure className="histogram">
      <svg viewBox="0 0 100 50" preserveAspectRatio="none" role="img" aria-label={counts.join(", ")}>
        {counts.map((count, at) => (
          <rect key={at} x={at * width} width={Math.max(0.1, width * 0.92)} y={50 - (count / most) * 48} height={(count / most) * 48}>
            <title>{`${formatNumber(edges[at])} – ${formatNumber(edges[at + 1])}: ${count}`}</title>
          </rect>
        ))}
      </svg>
      <figcaption>
        <span>{formatNumber(edges[0])}</span>
        <span>{formatNumber(edges.at(-1))}</span>
      </figcaption>
    </figure>
  );
}

function Matrix({ labels, rows }: { labels: readonly string[]; rows: readonly number[][] }): ReactElement {
  const most = Math.max(1, ...rows.flat());
  return (
    <div className="matrix-wrap" tabIndex={0} role="region" aria-label="matrix">
      <table className="matrix">
        <thead>
          <tr>
            <th />
            {labels.map((label) => (
              <th key={label}>{label}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              <th>{labels[at]}</th>
              {row.map((count, column) => (
                <td key={column} style={{ background: `color-mix(in srgb, var(--accent) ${Math.round((count / most) * 70)}%, transparent)` }}>
                  {count}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
