import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../../api/client";
import { t } from "../../messages";

export const TABLE = /\.(csv|tsv|jsonl|ndjson|parquet)$/i;

interface Props {
  project: string;
  before: string;
  after: string;
  /** Of a file in a folder; else empty. */
  path: string;
  name: string;
}

/** Rows and columns of a changed table, where they can be counted. */
export function TableNote({ project, before, after, path, name }: Props): ReactElement | null {
  const found = useQuery({
    queryKey: ["table-change", project, before, after, path, name],
    queryFn: ({ signal }) => api.tableChange(project, { version: after, against: before, path, name }, signal),
    enabled: TABLE.test(name),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const change = found.data;
  if (!change) return null;
  const parts = [
    t("data.rows", { before: change.rows[0], after: change.rows[1] }),
    change.rows_added > 0 && t("data.rows.added", { count: change.rows_added }),
    change.rows_removed > 0 && t("data.rows.removed", { count: change.rows_removed }),
    change.rows_changed > 0 && t("data.rows.changed", { count: change.rows_changed }),
    change.columns_added.length > 0 && t("data.columns.added", { names: change.columns_added.join(", ") }),
    change.columns_removed.length > 0 && t("data.columns.removed", { names: change.columns_removed.join(", ") }),
    change.key && t("data.rows.key", { name: change.key }),
  ];
  return <span className="table-note">{parts.filter(Boolean).join(" · ")}</span>;
}
