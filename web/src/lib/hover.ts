/** The run under the pointer, in the table or on a chart, so that the other can point it out. */
import { useSyncExternalStore } from "react";

let hovered = "";
const listeners = new Set<() => void>();

export function setHovered(run: string): void {
  if (run === hovered) return;
  hovered = run;
  listeners.forEach((listener) => listener());
}

export const hoveredRun = () => hovered;

export function onHover(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useIsHovered = (run: string) => useSyncExternalStore(onHover, () => hovered === run && run !== "");
