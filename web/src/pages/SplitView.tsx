import { type PointerEvent, type ReactElement, type ReactNode, useRef } from "react";
import { useParam } from "../lib/router";
import { useStored } from "../lib/storage";
import { t } from "../messages";

/** Table and charts side by side, or one of them. On a narrow screen always one: the CSS turns `split` into the table. */
export function SplitView({ left, right }: { left: ReactNode; right: ReactNode }): ReactElement {
  const [view] = useParam("view", "split");
  const [share, setShare] = useStored("split", 46);
  const root = useRef<HTMLDivElement>(null);
  const set = (next: number) => setShare(Math.max(20, Math.min(80, next)));
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    const handle = event.currentTarget;
    const box = root.current?.getBoundingClientRect();
    if (!box) return;
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    const move = (moved: globalThis.PointerEvent) => set(((moved.clientX - box.left) / box.width) * 100);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", () => handle.removeEventListener("pointermove", move), { once: true });
  };
  return (
    <div className={`split view-${view}`} ref={root} style={view === "split" ? { gridTemplateColumns: `${share}% 6px minmax(0, 1fr)` } : {}}>
      <div className="split-left">{left}</div>
      <div
        className="split-handle"
        role="separator"
        aria-orientation="vertical"
        aria-label={t("split")}
        aria-valuenow={Math.round(share)}
        aria-valuemin={20}
        aria-valuemax={80}
        tabIndex={0}
        onPointerDown={drag}
        onKeyDown={(event) => {
          if (event.key === "ArrowLeft") set(share - 4);
          if (event.key === "ArrowRight") set(share + 4);
        }}
      />
      <div className="split-right">{right}</div>
    </div>
  );
}
