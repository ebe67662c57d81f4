/** What the address of the runs page asks the server for. */
import type { RunsQuery } from "../api/client";
import { looksLikeFilter, orderText } from "../lib/query";
import { type Column, neededKeys } from "./columns";

export interface Sort {
  id: string;
  descending: boolean;
}

export type Asked = Omit<RunsQuery, "limit" | "cursor">;

/** Newest first unless the address says otherwise. */
export function sortFrom(query: URLSearchParams): Sort {
  const text = query.get("sort") ?? "";
  return { id: text.replace(/^-/, "") || "created_at", descending: text ? text.startsWith("-") : true };
}

export function askedFrom(query: URLSearchParams, columns: readonly Column[]): Asked {
  const text = query.get("q") ?? "";
  const group = query.get("group") ?? "";
  const sort = sortFrom(query);
  const keys = neededKeys(columns, [sort.id]);
  return {
    ...(looksLikeFilter(text) ? { filter: text } : { text: text.trim() }),
    order_by: [...(group && group !== sort.id ? [orderText(group, false)] : []), orderText(sort.id, sort.descending)],
    keys: keys.length ? keys : [""], // an empty name: no metrics
    ...(query.get("deleted") === "1" ? { deleted: "deleted" } : {}),
  };
}
