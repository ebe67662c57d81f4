import { type KeyboardEvent, type MouseEvent, type PointerEvent, type ReactElement, type ReactNode, memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { IconButton } from "../components/basic";
import { t } from "../messages";
import { type Box, type Edge, layOut } from "./layout";
import type { Direction, Layout, Place } from "./place";
import { beginning, fitting, READABLE, revealing, scaled, type Size, type View } from "./view";

interface Props {
  label: string;
  boxes: readonly Box[];
  edges: readonly Edge[];
  direction: Direction;
  /** The box to look at first where all of them would be too small to read. */
  focus: string;
  selected: string;
  onOpen: (id: string) => void;
  /** Accessible name of a box. */
  nameOf: (id: string) => string;
  classOf: (id: string) => string;
  children: (id: string) => ReactNode;
}

const STEP = 1.25;
/** Below this boxes show their state alone. */
const TINY = 0.25;

/** Boxes with edges in a frame that is panned, zoomed and walked through with the arrow keys. */
export function GraphView({ label, boxes, edges, direction, focus, selected, onOpen, nameOf, classOf, children }: Props): ReactElement {
  const shape = boxes.map((box) => `${box.id}\0${box.width}\0${box.height}`).join("\n") + edges.map((edge) => `${edge.from}\0${edge.to}`).join("\n");
  const layout = useMemo(() => layOut(boxes, edges, direction), [shape, direction]);
  const frame = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  const [view, setView] = useState<View | null>(null);
  const [walked, setWalked] = useState("");
  const sizeNow = useRef(size);
  sizeNow.current = size;
  const touched = useRef(false);

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // The first view, and again while nobody has moved it and the drawing or the frame changes.
  useLayoutEffect(() => {
    if (size.width > 0 && !touched.current) setView(beginning(layout, size, layout.places.get(selected || focus)));
  }, [layout, size.width, size.height]);
  useEffect(() => {
    const place = layout.places.get(selected);
    if (place && size.width > 0) setView((old) => (old ? revealing(old, place, size) : old));
  }, [selected, size.width, layout]);

  const move = useCallback((change: (view: View) => View) => {
    touched.current = true;
    setView((old) => (old ? change(old) : old));
  }, []);
  useWheel(frame, move);
  const drag = useDrag(frame, move);

  const zoom = (by: number) => move((old) => scaled(old, old.k * by, size.width / 2, size.height / 2));
  const fit = () => {
    touched.current = false;
    setView(fitting(layout, size));
  };
  const focusBox = (id: string) => {
    setWalked(id);
    frame.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
  };
  const onKey = (event: KeyboardEvent) => {
    const id = (event.target as HTMLElement).dataset["node"];
    const next = id && event.key.startsWith("Arrow") ? neighbour(layout.places, id, event.key) : undefined;
    if (next) focusBox(next);
    else if (event.key === "+" || event.key === "=") zoom(STEP);
    else if (event.key === "-") zoom(1 / STEP);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  };
  const entry = layout.places.has(walked) ? walked : layout.places.has(selected) ? selected : focus || boxes[0]?.id;
  const onFocus = useCallback((id: string) => {
    setWalked(id);
    frame.current?.scrollTo(0, 0);
    const place = layout.places.get(id);
    if (place && frame.current?.matches(":has(:focus-visible)")) move((old) => revealing(old, place, sizeNow.current));
  }, [layout]);
  const k = view?.k ?? 1;
  return (
    <div className={`graph graph-${direction}${k < READABLE ? " far" : ""}${k < TINY ? " tiny" : ""}`} role="group" aria-label={label}>
      <div className="graph-frame" ref={frame} onKeyDown={onKey} {...drag}>
        {view && (
          <div className="graph-drawing" style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${k})`, width: layout.width, height: layout.height }}>
            <Drawing {...{ layout, boxes, edges, selected, entry, onOpen, onFocus, nameOf, classOf, children }} />
          </div>
        )}
      </div>
      <div className="graph-tools" role="toolbar" aria-label={t("graph.tools")}>
        <IconButton icon="plus" label={t("graph.in")} onClick={() => zoom(STEP)} />
        <IconButton icon="minus" label={t("graph.out")} onClick={() => zoom(1 / STEP)} />
        <IconButton icon="fit" label={t("graph.fit")} onClick={fit} />
      </div>
    </div>
  );
}

interface DrawingProps extends Pick<Props, "boxes" | "edges" | "selected" | "onOpen" | "nameOf" | "classOf" | "children"> {
  layout: Layout;
  /** The box that the Tab key comes to. */
  entry: string | undefined;
  onFocus: (id: string) => void;
}

/** Edges and boxes; they stay as they are while the view moves. */
const Drawing = memo(function Drawing({ layout, boxes, edges, selected, entry, onOpen, onFocus, nameOf, classOf, children }: DrawingProps): ReactElement {
  return (
    <>
      <svg className="graph-edges" width={Math.max(1, layout.width)} height={Math.max(1, layout.height)} aria-hidden="true">
        {edges.map((edge, at) => (
          <path key={`${edge.from}\0${edge.to}`} d={layout.paths[at]} className={edge.from === selected || edge.to === selected ? "near" : undefined} />
        ))}
      </svg>
      {boxes.map(({ id }) => {
        const place = layout.places.get(id);
        return (
          place && (
            <button
              key={id}
              type="button"
              data-node={id}
              className={`node ${classOf(id)}`}
              aria-label={nameOf(id)}
              aria-pressed={id === selected}
              title={nameOf(id)}
              tabIndex={id === entry ? 0 : -1}
              style={{ left: place.x, top: place.y, width: place.width, height: place.height }}
              onClick={() => onOpen(id)}
              onFocus={() => onFocus(id)}
            >
              {children(id)}
            </button>
          )
        );
      })}
    </>
  );
});

/** The wheel moves, with Ctrl (which is also a pinch on a touchpad) it zooms. */
function useWheel(frame: { current: HTMLDivElement | null }, move: (change: (view: View) => View) => void): void {
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const box = element.getBoundingClientRect();
      const unit = event.deltaMode === 1 ? 16 : 1;
      if (event.ctrlKey || event.metaKey) move((old) => scaled(old, old.k * Math.exp(-event.deltaY * unit * 0.004), event.clientX - box.left, event.clientY - box.top));
      else move((old) => ({ ...old, x: old.x - (event.shiftKey ? event.deltaY : event.deltaX) * unit, y: old.y - (event.shiftKey ? 0 : event.deltaY) * unit }));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);
}

interface DragHandlers {
  onPointerDown: (event: PointerEvent<HTMLDivElement>) => void;
  onPointerMove: (event: PointerEvent<HTMLDivElement>) => void;
  onPointerUp: (event: PointerEvent<HTMLDivElement>) => void;
  onPointerCancel: (event: PointerEvent<HTMLDivElement>) => void;
  onClickCapture: (event: MouseEvent) => void;
}

const SLACK = 4;

/** One finger or the mouse moves, two fingers zoom; a click on a box stays a click. */
function useDrag(frame: { current: HTMLDivElement | null }, move: (change: (view: View) => View) => void): DragHandlers {
  const fingers = useRef(new Map<number, { x: number; y: number }>());
  const travelled = useRef(0);
  const release = (event: PointerEvent<HTMLDivElement>) => void fingers.current.delete(event.pointerId);
  return {
    onPointerDown: (event) => {
      if (event.button !== 0) return;
      if (fingers.current.size === 0) travelled.current = 0;
      fingers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    },
    onPointerMove: (event) => {
      const before = fingers.current.get(event.pointerId);
      if (!before) return;
      const now = { x: event.clientX, y: event.clientY };
      const others = [...fingers.current.entries()].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      fingers.current.set(event.pointerId, now);
      travelled.current += Math.hypot(now.x - before.x, now.y - before.y);
      if (travelled.current < SLACK) return;
      if (!event.currentTarget.hasPointerCapture(event.pointerId)) event.currentTarget.setPointerCapture(event.pointerId);
      const box = frame.current?.getBoundingClientRect();
      const other = others[0];
      if (other && box) {
        const by = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
        move((old) => scaled(old, old.k * by, (now.x + other.x) / 2 - box.left, (now.y + other.y) / 2 - box.top));
      } else move((old) => ({ ...old, x: old.x + now.x - before.x, y: old.y + now.y - before.y }));
    },
    onPointerUp: release,
    onPointerCancel: release,
    onClickCapture: (event) => {
      if (travelled.current < SLACK || event.detail === 0) return; // a key clicks without a pointer
      event.stopPropagation();
      event.preventDefault();
    },
  };
}

const ARROWS: Record<string, readonly [number, number]> = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

/** The nearest box in the direction of an arrow key. */
function neighbour(places: Map<string, Place>, id: string, key: string): string | undefined {
  const from = places.get(id);
  if (!from) return undefined;
  const [dx, dy] = ARROWS[key] ?? [0, 0];
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const [other, place] of places) {
    const x = place.x + place.width / 2 - from.x - from.width / 2;
    const y = place.y + place.height / 2 - from.y - from.height / 2;
    const [ahead, aside] = [x * dx + y * dy, Math.abs(x * dy) + Math.abs(y * dx)];
    if (other === id || ahead <= Math.min(from.width, from.height) / 4) continue;
    const far = ahead + aside * 2;
    if (far < least) [best, least] = [other, far];
  }
  return best;
}
