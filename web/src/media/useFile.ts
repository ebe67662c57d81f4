/** The text of a media file, fetched once: files of runs and versions never change. */
import { useQueries, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api/client";
import type { Json } from "../api/types";
import { parseLoose } from "../lib/loose";
import { type Files, useFiles } from "./files";

const FOREVER = { staleTime: Number.POSITIVE_INFINITY, gcTime: 60_000 };

export function useText(path: string): UseQueryResult<string> {
  const files = useFiles();
  return useQuery({ queryKey: ["media-text", files.owner, path], queryFn: ({ signal }) => api.text(files.url(path), signal), enabled: path !== "", ...FOREVER });
}

const jsonQuery = (files: Files, path: string) => ({
  queryKey: ["media-json", files.owner, path],
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Json> => parseLoose(await api.text(files.url(path), signal)),
  ...FOREVER,
});

export function useJson(path: string): UseQueryResult<Json> {
  const files = useFiles();
  return useQuery({ ...jsonQuery(files, path), enabled: path !== "" });
}

/** Several files in order; `data` is null until all are here. */
export function useJsons(paths: readonly string[]): { data: Json[] | null; error: unknown; retry: () => void } {
  const files = useFiles();
  const found = useQueries({ queries: paths.map((path) => jsonQuery(files, path)) });
  const ready = found.map((query) => query.dataUpdatedAt).join();
  const data = useMemo(() => {
    const bodies = found.flatMap((query) => (query.data === undefined ? [] : [query.data]));
    return bodies.length === found.length ? bodies : null;
  }, [ready, files, paths.join("\0")]);
  const failed = found.filter((query) => query.error);
  return { data, error: failed[0]?.error ?? null, retry: () => failed.forEach((query) => void query.refetch()) };
}
