import { type KeyboardEvent, type PointerEvent, type ReactElement, type RefObject, useEffect, useRef, useState } from "react";
import { ApiError } from "../api/client";
import { Choice, ErrorBox, IconButton, Loading } from "../components/basic";
import { t } from "../messages";
import { lensOf, movedBy, seenAt, type Stand, START, turnedBy, zoomedBy } from "./camera";
import type { MoleculeStyle } from "./molecule";
import { type Painter, painterOf } from "./painter";
import { type Scene, SceneError } from "./scene";
import { useScene } from "./useScene";

interface Props {
  path: string;
  name: string;
  kind: "object3d" | "molecule";
}

/** A file of points, surfaces or atoms, to be looked at from all sides. */
export default function SceneView({ path, name, kind }: Props): ReactElement {
  const [style, setStyle] = useState<MoleculeStyle>("sticks");
  const { scene, error, retry } = useScene(path, style);
  if (error) return error instanceof SceneError ? <Fault error={error} /> : <ErrorBox error={error} onRetry={retry} />;
  if (!scene) return <Loading />;
  return (
    <>
      <Turned scene={scene} name={name} />
      {kind === "molecule" && <Choice label={t("scene.style")} value={style} options={[["sticks", t("scene.sticks")], ["spheres", t("scene.spheres")], ["backbone", t("scene.backbone")]]} onChange={setStyle} />}
    </>
  );
}

/** What is wrong with a file, which can still be had. */
const Fault = ({ error }: { error: SceneError }): ReactElement => <ErrorBox error={new ApiError(0, "scene", t(`scene.error.${error.code}`, { detail: error.detail }), t("scene.error.hint"))} />;

const STEP = 0.12; // radians, or parts of the window, for each press of a key
const ZOOM = 1.25;

function Turned({ scene, name }: { scene: Scene; name: string }): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [stand, setStand] = useState(START);
  const error = usePainted(canvas, scene, stand);
  const drag = useDrag(setStand);
  useWheel(canvas, (factor) => setStand((now) => zoomedBy(now, factor)));
  const onKey = (event: KeyboardEvent) => {
    const next = keyed(event, stand);
    if (!next) return;
    event.preventDefault();
    event.stopPropagation(); // arrows would go to another step too
    setStand(next);
  };
  const said = scene.counts.map(({ kind, count, total }) => t(count < total ? "scene.some" : "scene.all", { count, total, kind: t(`scene.${kind}`, { count: total }) })).join(" · ");
  if (error) return <Fault error={error} />;
  return (
    <figure className="scene">
      <canvas ref={canvas} tabIndex={0} role="img" aria-label={`${name}: ${said}. ${t("scene.keys")}`} title={t("scene.keys")} onKeyDown={onKey} {...drag} />
      <figcaption>
        <span>{said}</span>
        <span className="scene-buttons">
          <IconButton icon="plus" label={t("scene.nearer")} onClick={() => setStand(zoomedBy(stand, ZOOM))} />
          <IconButton icon="minus" label={t("scene.farther")} onClick={() => setStand(zoomedBy(stand, 1 / ZOOM))} />
          <IconButton icon="fit" label={t("scene.reset")} onClick={() => setStand(START)} />
        </span>
      </figcaption>
    </figure>
  );
}

function keyed({ key, shiftKey }: KeyboardEvent, stand: Stand): Stand | null {
  const ways: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[key];
  if (way) return shiftKey ? movedBy(stand, way[0] * STEP, -way[1] * STEP) : turnedBy(stand, way[0] * STEP, way[1] * STEP);
  if (key === "+" || key === "=") return zoomedBy(stand, ZOOM);
  if (key === "-") return zoomedBy(stand, 1 / ZOOM);
  return key === "0" ? START : null;
}

type Change = (change: (stand: Stand) => Stand) => void;

function useDrag(change: Change): { onPointerDown: (event: PointerEvent) => void; onPointerMove: (event: PointerEvent) => void } {
  const last = useRef<[number, number] | null>(null);
  return {
    onPointerDown: (event) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      last.current = [event.clientX, event.clientY];
    },
    onPointerMove: (event) => {
      if (!last.current || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
      const [x, y] = [event.clientX - last.current[0], event.clientY - last.current[1]];
      last.current = [event.clientX, event.clientY];
      const size = event.currentTarget.clientHeight;
      change((stand) => (event.shiftKey || event.buttons === 2 ? movedBy(stand, (2 * x) / size, (-2 * y) / size) : turnedBy(stand, x / 120, y / 120)));
    },
  };
}

/** The wheel scrolls the page, and comes nearer with Ctrl or where the scene was clicked. */
function useWheel(canvas: RefObject<HTMLCanvasElement | null>, onZoom: (factor: number) => void): void {
  const current = useRef(onZoom);
  current.current = onZoom;
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && document.activeElement !== element) return;
      event.preventDefault();
      current.current(Math.exp(-event.deltaY / 400));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [canvas]);
}

/** Keeps the canvas painted; gives why that cannot be. */
function usePainted(canvas: RefObject<HTMLCanvasElement | null>, scene: Scene, stand: Stand): SceneError | null {
  const [painter, setPainter] = useState<Painter | null>(null);
  const [error, setError] = useState<SceneError | null>(null);
  const [size, setSize] = useState("");
  useEffect(() => {
    try {
      const made = painterOf(scene);
      setPainter(made);
      return made.close;
    } catch (reason) {
      setError(reason instanceof SceneError ? reason : new SceneError("card", String(reason)));
      return undefined;
    }
  }, [scene]);
  useEffect(() => {
    if (!canvas.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setSize(`${entry.contentRect.width} ${entry.contentRect.height}`));
    observer.observe(canvas.current);
    return () => observer.disconnect();
  }, [canvas]);
  useEffect(() => {
    const element = canvas.current;
    if (!element || !painter || element.clientWidth === 0) return;
    const frame = requestAnimationFrame(() => {
      const ratio = Math.min(2, window.devicePixelRatio || 1);
      const [width, height] = [Math.round(element.clientWidth * ratio), Math.round(element.clientHeight * ratio)];
      if (element.width !== width || element.height !== height) [element.width, element.height] = [width, height];
      const lens = lensOf(scene, stand, width, height);
      painter.paint(element, lens);
      write(element, scene, lens, ratio);
      element.dataset["state"] = "painted";
    });
    return () => cancelAnimationFrame(frame);
  }, [painter, scene, stand, size, canvas]);
  return error;
}

/** The names of boxes, over all else. */
function write(element: HTMLCanvasElement, scene: Scene, lens: ReturnType<typeof lensOf>, ratio: number): void {
  const place = element.getContext("2d");
  if (!place || scene.labels.length === 0) return;
  const style = getComputedStyle(element);
  place.font = `${11 * ratio}px ${style.fontFamily}`;
  place.textAlign = "center";
  place.lineWidth = 3 * ratio;
  place.strokeStyle = style.getPropertyValue("--surface");
  for (const label of scene.labels) {
    const at = seenAt(lens, label.at);
    if (!at) continue;
    place.fillStyle = `rgb(${label.color.join(" ")})`;
    place.strokeText(label.text, at[0] * element.width, at[1] * element.height - 3 * ratio);
    place.fillText(label.text, at[0] * element.width, at[1] * element.height - 3 * ratio);
  }
}
