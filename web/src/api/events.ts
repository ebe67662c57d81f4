/** A live stream of a project or of runs, closed while the tab is hidden (browsers allow six a host). */
import { useEffect, useRef, useState } from "react";
import { pathOf, withQuery } from "./client";
import type { PointsEvent, RunsChanged } from "./types";

export interface LiveHandlers {
  onRuns?: (event: RunsChanged) => void;
  onPoints?: (event: PointsEvent) => void;
  /** The stream begins now: what was read before may have missed something. */
  onOpen?: () => void;
}

export type LiveState = "off" | "connecting" | "live";

export function useLive(
  query: { project?: string; run?: readonly string[] } | null,
  handlers: LiveHandlers,
  paused = false,
): LiveState {
  const [state, setState] = useState<LiveState>("off");
  const current = useRef(handlers);
  current.current = handlers;
  const url = query && !paused ? withQuery(pathOf("events"), query) : "";

  useEffect(() => {
    if (!url) {
      setState("off");
      return;
    }
    let source: EventSource | null = null;
    const open = () => {
      setState("connecting");
      source = new EventSource(url);
      source.addEventListener("hello", () => {
        setState("live");
        current.current.onOpen?.();
      });
      source.onerror = () => setState("connecting");
      source.addEventListener("runs", (event) => current.current.onRuns?.(JSON.parse(event.data) as RunsChanged));
      source.addEventListener("points", (event) => current.current.onPoints?.(JSON.parse(event.data) as PointsEvent));
    };
    const close = () => {
      source?.close();
      source = null;
    };
    const onVisibility = () => {
      if (document.hidden) close();
      else if (!source) open();
    };
    if (!document.hidden) open();
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      close();
      setState("off");
    };
  }, [url]);
  return state;
}

const CALM = 2000; // ms between two readings while runs log all the time

/** Reads again what a page shows of a project when something in the project has changed, at most each `calm` ms. */
export function useProjectChanges(project: string, reload: () => void, calm = CALM): void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const current = useRef(reload);
  current.current = reload;
  const again = () => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      current.current();
    }, calm);
  };
  useLive({ project }, { onRuns: again });
  useEffect(() => () => clearTimeout(timer.current), []);
}
