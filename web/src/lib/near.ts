import { type RefObject, useEffect, useRef, useState } from "react";

/** Whether an element is on the screen or close to it, so that what it needs is fetched then and not before. */
export function useNear<E extends HTMLElement>(): [RefObject<E | null>, boolean] {
  const element = useRef<E>(null);
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (!element.current) return;
    const observer = new IntersectionObserver((entries) => setNear(entries.at(-1)?.isIntersecting ?? false), { rootMargin: "240px 0px" });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, near];
}
