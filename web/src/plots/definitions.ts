/** Definitions of charts that people have saved, by name (`entity/chart`). */
import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import { isObject, type JsonObject } from "../lib/loose";

/** The specification under a name; null while it is fetched, undefined where this server has none. */
export function useDefinition(name: string): JsonObject | null | undefined {
  const found = useQuery({ queryKey: ["chart-definitions"], queryFn: ({ signal }) => api.chartDefinitions(signal), enabled: name !== "", staleTime: 60_000, retry: false });
  if (name === "" || found.isError) return undefined;
  if (!found.data) return null;
  const spec = found.data.find((one) => one.name === name)?.spec;
  return isObject(spec) ? spec : undefined;
}
