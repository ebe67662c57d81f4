import { useQueries } from "@tanstack/react-query";
import { type ReactElement, useMemo } from "react";
import { api } from "../api/client";
import { ErrorBox, Loading } from "../components/basic";
import { parseLoose } from "../lib/loose";
import { useDark } from "../lib/theme";
import { runFiles } from "../media/files";
import { type Table, tableOf } from "../media/table";
import { VegaView } from "../vega/VegaView";
import { overlaidSpec, type Visual } from "./builtin";

const HEIGHT = 360;
const MANY = 4000;

export interface Overlaid {
  run: string;
  title: string;
  path: string;
}

/** The same plot of several runs in one: a colour for each run. */
export function VisualOverlay({ visual, of }: { visual: Visual; of: readonly Overlaid[] }): ReactElement {
  const dark = useDark();
  const found = useQueries({
    queries: of.map(({ run, path }) => {
      const files = runFiles(run);
      return { queryKey: ["media-json", files.owner, path], queryFn: async ({ signal }: { signal: AbortSignal }) => parseLoose(await api.text(files.url(path), signal)), staleTime: Number.POSITIVE_INFINITY };
    }),
  });
  const ready = found.map((query) => query.dataUpdatedAt).join();
  const tables = useMemo(() => of.flatMap(({ title }, at): [string, Table][] => (found[at]?.data === undefined ? [] : [[title, tableOf([found[at].data])]])), [ready, of]);
  const spec = useMemo(() => overlaidSpec(visual, tables, dark), [visual, tables, dark]);
  const error = found.find((query) => query.error)?.error;
  if (error) return <ErrorBox error={error} />;
  if (!spec) return <Loading />;
  return <VegaView spec={spec} many={tables.reduce((sum, [, table]) => sum + table.rows.length, 0) > MANY} height={HEIGHT} label={visual.texts["title"] || visual.key} />;
}
