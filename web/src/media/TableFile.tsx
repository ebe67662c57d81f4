import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";
import { api } from "../api/client";
import { ErrorBox, Loading } from "../components/basic";
import { formatSize, toNumber } from "../lib/format";
import { t } from "../messages";
import { type Files, FilesOf, useFiles, versionFiles } from "./files";
import type { Item } from "./pointer";
import { tableOf } from "./table";
import { TableView } from "./TableView";
import { useOwner } from "./owner";
import { useJson } from "./useFile";

const LARGE = 48_000_000; // bytes that a browser should not read unasked

/** A logged table from its file. Pictures in the cells of a W&B table lie in the artifact that the client logged beside it. */
export function TableFile({ item, name }: { item: Item; name: string }): ReactElement {
  const size = toNumber(item.facts["size"]) ?? 0;
  const [asked, setAsked] = useState(size < LARGE);
  const files = useFiles();
  const found = useJson(asked ? item.path : "");
  const table = useMemo(() => (found.data === undefined ? null : tableOf(found.data)), [found.data]);
  const hasMedia = table?.columns.some((column) => column.type === "media") ?? false;
  const kept = useTableArtifact(name, hasMedia && item.facts["artifact_path"] !== undefined);
  if (!asked)
    return (
      <p className="hint">
        {t("media.large", { size: formatSize(size) })}{" "}
        <button type="button" className="link-button" onClick={() => setAsked(true)}>
          {t("media.large.show")}
        </button>{" "}
        <a href={files.url(item.path)} download>{t("download")}</a>
      </p>
    );
  if (found.error) return <ErrorBox error={found.error} onRetry={() => void found.refetch()} />;
  if (!table) return <Loading />;
  return (
    <FilesOf value={kept ?? files}>
      <TableView table={table} name={name} />
    </FilesOf>
  );
}

/** The newest version of the artifact `run-ID-KEY`, which W&B's client makes of each logged table. */
function useTableArtifact(key: string, wanted: boolean): Files | null {
  const run = useOwner();
  const id = run?.tags["wandb.id"] ?? "";
  const name = `run-${id}-${key.replace(/[^A-Za-z0-9_.-]/g, "_")}`;
  const project = run?.project ?? "";
  const found = useQuery({ queryKey: ["version", project, name, "latest"], queryFn: ({ signal }) => api.version(project, name, "latest", signal), enabled: wanted && id !== "", retry: false });
  return useMemo(() => (found.data ? versionFiles(project, name, `v${found.data.number}`) : null), [found.data, project, name]);
}
