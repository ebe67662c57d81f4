import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";
import { api } from "../api/client";
import { ErrorBox, Loading } from "../components/basic";
import { formatSize, toNumber } from "../lib/format";
import { textOf } from "../lib/loose";
import { t } from "../messages";
import { FilesOf, useFiles, versionFiles } from "./files";
import { useOwner } from "./owner";
import type { Item } from "./pointer";
import { tableOf } from "./table";
import { TableView } from "./TableView";
import { useJson } from "./useFile";

const LARGE = 48_000_000; // bytes that a browser should not read unasked

/** A logged table. W&B's client logs an artifact beside it, which has the pictures of its cells: it is read where it is there. */
export function TableFile({ item, name }: { item: Item; name: string }): ReactElement {
  const files = useFiles();
  const copy = useTableArtifact(name, textOf(item.facts["artifact_path"]));
  if (copy === null) return <Loading />;
  return (
    <FilesOf value={copy?.files ?? files}>
      <Loaded path={copy?.path ?? item.path} size={toNumber(item.facts["size"]) ?? 0} name={name} />
    </FilesOf>
  );
}

function Loaded({ path, size, name }: { path: string; size: number; name: string }): ReactElement {
  const files = useFiles();
  const [asked, setAsked] = useState(size < LARGE);
  const found = useJson(asked ? path : "");
  const table = useMemo(() => (found.data === undefined ? null : tableOf(found.data)), [found.data]);
  if (!asked)
    return (
      <p className="hint">
        {t("media.large", { size: formatSize(size) })}{" "}
        <button type="button" className="link-button" onClick={() => setAsked(true)}>
          {t("media.large.show")}
        </button>{" "}
        <a href={files.url(path)} download>{t("download")}</a>
      </p>
    );
  if (found.error) return <ErrorBox error={found.error} onRetry={() => void found.refetch()} />;
  return table ? <TableView table={table} name={name} /> : <Loading />;
}

const ARTIFACT = /^wandb-client-artifact:\/\/([^/]+)\/(.+)$/;

/** The table in the artifact `run-ID-KEY`: null while it is looked for, undefined where it is not there. */
function useTableArtifact(key: string, address: string): { files: ReturnType<typeof versionFiles>; path: string } | null | undefined {
  const run = useOwner();
  const [, client = "", path = ""] = ARTIFACT.exec(address) ?? [];
  const name = `run-${run?.tags["wandb.id"] ?? ""}-${key.replace(/[^A-Za-z0-9_.-]/g, "_")}`;
  const project = run?.project ?? "";
  const wanted = path !== "" && project !== "";
  const found = useQuery({ queryKey: ["versions", project, name], queryFn: ({ signal }) => api.versions(project, name, signal), enabled: wanted, retry: false });
  return useMemo(() => {
    if (!wanted || found.isError) return undefined;
    if (!found.data) return null;
    const version = found.data.find((one) => one.tags["wandb.client"] === client) ?? found.data[0];
    return version && { files: versionFiles(project, name, `v${version.number}`), path };
  }, [wanted, found.isError, found.data, client, project, name, path]);
}
