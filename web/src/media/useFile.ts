/** The text of a media file, fetched once: files of runs and versions never change. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Json } from "../api/types";
import { parseLoose } from "../lib/loose";
import { useFiles } from "./files";

const FOREVER = { staleTime: Number.POSITIVE_INFINITY, gcTime: 60_000 };

export function useText(path: string): UseQueryResult<string> {
  const files = useFiles();
  return useQuery({ queryKey: ["media-text", files.owner, path], queryFn: ({ signal }) => api.text(files.url(path), signal), enabled: path !== "", ...FOREVER });
}

export function useJson(path: string): UseQueryResult<Json> {
  const files = useFiles();
  return useQuery({ queryKey: ["media-json", files.owner, path], queryFn: async ({ signal }) => parseLoose(await api.text(files.url(path), signal)), enabled: path !== "", ...FOREVER });
}
