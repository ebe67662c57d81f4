/** All words of the page, by key and language. */
import { useSyncExternalStore } from "react";
import { load, save } from "../lib/storage";
import { en } from "./en";
import { ko } from "./ko";

export type Key = keyof typeof en;

const CATALOGUES: Record<string, Record<Key, string>> = { en, ko };
export const LANGUAGES = [
  ["en", "English"],
  ["ko", "한국어"],
] as const;

const listeners = new Set<() => void>();
let current = pick(load("language", ""));

function pick(chosen: string): string {
  if (chosen in CATALOGUES) return chosen;
  return navigator.languages.map((name) => name.slice(0, 2).toLowerCase()).find((name) => name in CATALOGUES) ?? "en";
}

export function setLanguage(language: string): void {
  current = pick(language);
  save("language", current);
  listeners.forEach((listener) => listener());
}

export const language = () => current;

export function useLanguage(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}

/**
 * The text of a key; `{name}` in it stands for a value, `{name|run|runs}` for the word that goes with one or with several.
 * Numbers get the language's separators.
 */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = CATALOGUES[current]?.[key] ?? en[key] ?? key;
  const counted = text.replace(/\{(\w+)\|([^|{}]*)\|([^|{}]*)\}/g, (_, name: string, one: string, several: string) => (values[name] === 1 ? one : several));
  return counted.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? value.toLocaleString(current) : value;
  });
}
