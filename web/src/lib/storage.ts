/** Choices kept in this browser. A private window may refuse storage: then they last as long as the page. */
import { useCallback, useState } from "react";

export function load<V>(key: string, fallback: V): V {
  try {
    const text = localStorage.getItem(`madang.${key}`);
    return text === null ? fallback : (JSON.parse(text) as V);
  } catch {
    return fallback;
  }
}

export function save(key: string, value: unknown): void {
  try {
    localStorage.setItem(`madang.${key}`, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden; the choice still holds on this page.
  }
}

export function useStored<V>(key: string, fallback: V): [V, (value: V) => void] {
  const [held, setHeld] = useState(() => ({ key, value: load(key, fallback) }));
  const value = held.key === key ? held.value : load(key, fallback);
  const set = useCallback(
    (next: V) => {
      save(key, next);
      setHeld({ key, value: next });
    },
    [key],
  );
  return [value, set];
}
