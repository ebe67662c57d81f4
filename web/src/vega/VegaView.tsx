import { type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import { ErrorBox } from "../components/basic";
import { useDark } from "../lib/theme";
import { t } from "../messages";
import { type Drawing, type PlotSpec, plotConfig } from "./spec";

interface Props {
  spec: PlotSpec;
  /** Pixels; left out where the specification has rows of its own height. */
  height?: number | undefined;
  label: string;
  /** Many marks are drawn faster as pixels. */
  many?: boolean;
  onPick?: (datum: Record<string, unknown>) => void;
}

const LEAST = 160;

/** A plot by its specification, as wide as its place. */
export function VegaView({ spec, height, label, many = false, onPick }: Props): ReactElement {
  const holder = useRef<HTMLDivElement>(null);
  const dark = useDark();
  const [state, setState] = useState<"loading" | "ready">("loading");
  const [error, setError] = useState<unknown>(null);
  const text = useMemo(() => JSON.stringify(spec), [spec]);
  const pick = useRef(onPick);
  pick.current = onPick;
  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    let [drawing, isOver]: [Drawing | null, boolean] = [null, false];
    const width = () => Math.max(LEAST, element.clientWidth);
    const begin = async () => {
      const { draw } = await import("./runtime");
      if (isOver) return;
      const size = { width: width(), ...(height === undefined ? {} : { height }) };
      const made = await draw(element, JSON.parse(text) as object, { config: plotConfig(element, dark), size, renderer: many ? "canvas" : "svg", onPick: (datum) => pick.current?.(datum) });
      if (isOver) made.close();
      else drawing = made;
      setState("ready");
    };
    setError(null);
    begin().catch((reason: unknown) => {
      if (!isOver) setError(reason);
    });
    let last = width();
    const observer = new ResizeObserver(() => {
      if (width() !== last) drawing?.resize((last = width()));
    });
    observer.observe(element);
    return () => {
      isOver = true;
      observer.disconnect();
      drawing?.close();
      element.replaceChildren();
    };
  }, [text, height, dark, many]);
  if (error !== null) return <ErrorBox error={error} />;
  return (
    <div className="plot" data-state={state}>
      <div ref={holder} className={onPick ? "plot-holder picks" : "plot-holder"} role="img" aria-label={label} style={height === undefined ? undefined : { minHeight: height }} />
      {state === "loading" && <span className="spinner" role="status" aria-label={t("loading")} />}
    </div>
  );
}
