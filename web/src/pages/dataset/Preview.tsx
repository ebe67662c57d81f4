import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useEffect, useRef } from "react";
import { api } from "../../api/client";
import { ErrorBox, Loading, Panel } from "../../components/basic";
import { parseTable } from "../../lib/tables";
import { decoded } from "../../lib/text";
import { t } from "../../messages";
import { TableNote } from "./TableNote";

const IMAGE = /\.(png|jpe?g|gif|webp|avif|svg)$/i;
const VIDEO = /\.(mp4|webm)$/i;
const AUDIO = /\.(mp3|wav|ogg)$/i;
const BYTES = 64 * 1024;
const ROWS = 50;

/** What a file looks like: a picture, the first rows of a table, or the beginning of a text. */
export function FilePreview({ project, version, against, path, name }: { project: string; version: string; against: string; path: string; name: string }): ReactElement {
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (path) top.current?.scrollIntoView({ block: "nearest" }); // it was chosen in a list that may fill the window
  }, [path]);
  const href = api.datasetFile(project, version, path);
  const short = name.slice(name.lastIndexOf("/") + 1);
  const actions = (
    <a className="button" href={href} download={short}>
      {t("download")}
    </a>
  );
  return (
    <div ref={top} className="file-preview">
      <Panel title={`${t("datasets.preview")}: ${short}`} actions={actions}>
        {against && <TableNote project={project} before={against} after={version} path={path} name={name} />}
        {IMAGE.test(name) ? (
          <img className="preview-media" src={href} alt={short} />
        ) : VIDEO.test(name) ? (
          // biome-ignore lint: recorded data has no captions
          <video className="preview-media" src={href} controls />
        ) : AUDIO.test(name) ? (
          <audio className="preview-media" src={href} controls />
        ) : (
          <TextPreview href={href} name={name} />
        )}
      </Panel>
    </div>
  );
}

function TextPreview({ href, name }: { href: string; name: string }): ReactElement {
  const found = useQuery({ queryKey: ["dataset-file", href], queryFn: ({ signal }) => api.beginning(href, BYTES, signal), staleTime: Number.POSITIVE_INFINITY });
  if (!found.data) return found.error ? <ErrorBox error={found.error} onRetry={() => void found.refetch()} /> : <Loading />;
  const { bytes, isWhole } = found.data;
  if (bytes.length === 0) return <p className="panel-body hint">{t("datasets.empty")}</p>;
  const text = decoded(bytes, isWhole);
  if (text === null) return <p className="panel-body hint">{t("datasets.binary")}</p>;
  const table = parseTable(text, name, ROWS);
  if (!table) return <pre className="preview-text" tabIndex={0}>{text}</pre>;
  return (
    <div className="table-wrap">
      <table className="data-table preview-table">
        <thead>
          <tr>
            {table.columns.map((column, at) => (
              <th key={at}>{column}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, place) => (
                <td key={place}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {(table.more || !isWhole) && <p className="panel-body hint">{t("datasets.rows", { count: table.rows.length })}</p>}
    </div>
  );
}
