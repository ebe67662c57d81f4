import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { api, oneLine } from "../../api/client";
import type { Lineage, LineageLink, LineageNode } from "../../api/types";
import { toast } from "../../components/overlay";

export const DEPTH = 3;
export type Side = "above" | "below";

export interface LineageState {
  graph: Lineage | undefined;
  error: unknown;
  reload: () => void;
  /** Looks one step further from a node. */
  expand: (id: string, side: Side) => Promise<void>;
}

/** The graph around something, grown by what the reader asks for. */
export function useLineage(project: string, start: string): LineageState {
  const first = useQuery({ queryKey: ["lineage", project, start], queryFn: ({ signal }) => api.lineage(project, start, DEPTH, DEPTH, signal) });
  const [more, setMore] = useState<readonly Lineage[]>([]);
  const graph = useMemo(() => (first.data ? merged([first.data, ...more]) : undefined), [first.data, more]);
  const expand = useCallback(
    async (id: string, side: Side) => {
      try {
        const found = await api.lineage(project, id, side === "above" ? 1 : 0, side === "below" ? 1 : 0);
        setMore((old) => [...old, found]);
      } catch (error) {
        toast(oneLine(error), { bad: true });
      }
    },
    [project],
  );
  return { graph, error: first.error, reload: () => void first.refetch(), expand };
}

function merged(parts: readonly Lineage[]): Lineage {
  const nodes = new Map<string, LineageNode>();
  const links = new Map<string, LineageLink>();
  for (const part of parts) {
    for (const node of part.nodes) {
      const known = nodes.get(node.id);
      nodes.set(node.id, known ? { ...node, above: node.above ?? known.above, below: node.below ?? known.below } : node);
    }
    for (const link of part.links) links.set(`${link.source}\0${link.target}`, link);
  }
  return { start: parts[0]?.start ?? "", nodes: [...nodes.values()], links: [...links.values()], is_cut: parts.some((part) => part.is_cut) };
}

/** How many neighbours are not shown; null where nobody has looked. */
export function hidden(graph: Lineage, node: LineageNode, side: Side): number | null {
  const all = node[side];
  if (all === null) return null;
  return Math.max(0, all - shownAt(graph, node, side));
}

/** How many neighbours are shown. */
export const shownAt = (graph: Lineage, node: LineageNode, side: Side): number => graph.links.filter((link) => (side === "above" ? link.target : link.source) === node.id).length;
