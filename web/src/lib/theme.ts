/** Light, dark, or as the system says; wide or narrow. */
import { useSyncExternalStore } from "react";
import { load, save } from "./storage";

export type Theme = "system" | "light" | "dark";

const media = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let theme = load<Theme>("theme", "system");

function isDark(): boolean {
  return theme === "dark" || (theme === "system" && media.matches);
}

function apply(): void {
  document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
  listeners.forEach((listener) => listener());
}

media.addEventListener("change", apply);
apply();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setTheme(next: Theme): void {
  theme = next;
  save("theme", next);
  apply();
}

const slim = window.matchMedia("(max-width: 720px)");

/** Whether the window is as narrow as a telephone. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      slim.addEventListener("change", listener);
      return () => slim.removeEventListener("change", listener);
    },
    () => slim.matches,
  );
}

export const useTheme = () => useSyncExternalStore(subscribe, () => theme);
export const useDark = () => useSyncExternalStore(subscribe, isDark);
