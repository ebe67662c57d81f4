/** The artifact that W&B's client logs beside a table: it has the pictures of its cells, and all increments of one that grows. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api/client";
import { listOf, textOf } from "../lib/loose";
import { type Files, versionFiles } from "./files";
import { useOwner } from "./owner";
import type { Item } from "./pointer";

export interface TableSource {
  files: Files;
  /** The files whose rows, one after the other, are the table. */
  paths: string[];
}

const ADDRESS = /^wandb-client-artifact:\/\/([^/]+)\/(.+)$/s;
const INCREMENTAL = "incremental-table-file";

/** The files of a table in its artifact: null while it is looked for, undefined where it is not there. */
export function useTableArtifact(key: string, { facts }: Item): TableSource | null | undefined {
  const run = useOwner();
  const [, client = "", path = ""] = ADDRESS.exec(textOf(facts["artifact_path"])) ?? [];
  const isIncremental = facts["_type"] === INCREMENTAL;
  const name = collectionName(`run-${run?.tags["wandb.id"] ?? ""}-${isIncremental ? "incr-" : ""}${key}`);
  const project = run?.project ?? "";
  const wanted = path !== "" && project !== "";
  const found = useQuery({ queryKey: ["versions", project, name], queryFn: ({ signal }) => api.versions(project, name, signal), enabled: wanted, retry: false });
  return useMemo(() => {
    if (!wanted || found.isError) return undefined;
    if (!found.data) return null;
    const version = found.data.find((one) => one.tags["wandb.client"] === client) ?? found.data[0];
    if (!version) return undefined;
    const earlier = isIncremental ? listOf(facts["previous_increments_paths"]).map((address) => ADDRESS.exec(textOf(address))?.[2] ?? "") : [];
    return { files: versionFiles(project, name, `v${version.number}`), paths: [...new Set([...earlier, path])].filter(Boolean) };
  }, [wanted, found.isError, found.data, client, project, name, path, isIncremental, facts]);
}

/** A name as the client makes it: what a collection may not be called is left out, and a sum tells such names apart. */
function collectionName(name: string): string {
  const safe = name.replace(/[^a-zA-Z0-9_.-]+/g, "");
  if (safe === name) return name;
  const sum = crc32(new TextEncoder().encode(name));
  const bytes = [24, 16, 8, 0].map((shift) => (sum >>> shift) & 255);
  const suffix = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return `${safe}-${suffix}`;
}

const POLYNOMIAL = 0xedb88320; // of zlib's CRC-32

function crc32(bytes: Uint8Array): number {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? POLYNOMIAL : 0);
  }
  return ~sum >>> 0;
}
