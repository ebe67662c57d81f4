/** The runs of a project, page by page, kept current by the live stream without losing the place. */
import { keepPreviousData, type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useRef, useState } from "react";
import { api, type RunsQuery } from "../api/client";
import type { Run, RunPage } from "../api/types";
import { idsFilter } from "../lib/query";

const FIRST_PAGE = 100;
const PAGE = 500;
const PATCH_DELAY = 700;

export interface RunPages {
  rows: Run[];
  total: number;
  loading: boolean;
  error: unknown;
  hasMore: boolean;
  loadMore: () => void;
  reload: () => void;
  /** Runs that changed elsewhere: shown ones are fetched again, new ones are counted or brought in. */
  touch: (ids: readonly string[]) => void;
  /** New runs that are not shown yet, because the reader is further down. */
  fresh: number;
}

export function useRunPages(project: string, query: Omit<RunsQuery, "limit" | "cursor">, atTop: () => boolean): RunPages {
  const client = useQueryClient();
  const name = ["runs", project, query] as const;
  const [fresh, setFresh] = useState(0);
  const found = useInfiniteQuery({
    queryKey: name,
    queryFn: ({ pageParam, signal }) => api.runs(project, { ...query, limit: pageParam ? PAGE : FIRST_PAGE, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.next || undefined,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    refetchOnWindowFocus: false,
  });
  const rows = useMemo(() => unique(found.data?.pages ?? []), [found.data]);
  const latest = useRef({ name, rows, query, atTop });
  latest.current = { name, rows, query, atTop };

  const write = useCallback(
    (changed: readonly Run[]) => {
      const byId = new Map(changed.map((run) => [run.id, run]));
      client.setQueryData<InfiniteData<RunPage, string>>(latest.current.name, (old) =>
        old && { ...old, pages: old.pages.map((page) => ({ ...page, runs: page.runs.map((run) => byId.get(run.id) ?? run) })) },
      );
    },
    [client],
  );
  const reload = useCallback(() => {
    setFresh(0);
    void client.invalidateQueries({ queryKey: ["runs", project] });
  }, [client, project]);

  const pending = useRef(new Set<string>());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const touch = useCallback(
    (ids: readonly string[]) => {
      for (const id of ids) pending.current.add(id);
      timer.current ??= setTimeout(async () => {
        timer.current = undefined;
        const wanted = [...pending.current];
        pending.current.clear();
        const known = new Set(latest.current.rows.map((run) => run.id));
        const shown = wanted.filter((id) => known.has(id)).slice(0, 250);
        const others = wanted.length - shown.length;
        if (others > 0 && latest.current.atTop()) reload();
        else if (others > 0) setFresh((count) => count + others);
        if (shown.length === 0) return;
        try {
          const { keys } = latest.current.query;
          write((await api.runs(project, { filter: idsFilter(shown), ...(keys ? { keys } : {}), limit: shown.length })).runs);
        } catch {
          // The next event, or the reader, asks again; the table keeps what it has.
        }
      }, PATCH_DELAY);
    },
    [project, reload, write],
  );

  return {
    rows,
    total: found.data?.pages[0]?.total ?? 0,
    loading: found.isPending || (found.isPlaceholderData && found.isFetching),
    error: found.error,
    hasMore: found.hasNextPage,
    loadMore: () => {
      if (found.hasNextPage && !found.isFetchingNextPage) void found.fetchNextPage({ cancelRefetch: false });
    },
    reload,
    touch,
    fresh,
  };
}

/** A run that moved while pages were read may come twice. */
function unique(pages: readonly RunPage[]): Run[] {
  const seen = new Set<string>();
  return pages.flatMap((page) => page.runs.filter((run) => !seen.has(run.id) && seen.add(run.id)));
}
