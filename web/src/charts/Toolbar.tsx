import { type ReactElement, type ReactNode, useEffect, useRef, useState } from "react";
import { Choice } from "../components/basic";
import { Icon } from "../components/Icon";
import { Popover } from "../components/overlay";
import { t } from "../messages";
import type { ChartView } from "./settings";

/** Search of metrics, x-axis, smoothing and scales: for all charts of the page. */
export function ChartToolbar({ view, children }: { view: ChartView; children?: ReactNode }): ReactElement {
  const { settings, set } = view;
  const toggleLog = (axis: "x" | "y") => {
    const on = { x: settings.logX, y: settings.logY, [axis]: axis === "x" ? !settings.logX : !settings.logY };
    set({ log: (on.x ? "x" : "") + (on.y ? "y" : "") });
  };
  return (
    <div className="toolbar" role="toolbar" aria-label={t("charts.toolbar")}>
      <label className="search">
        <Icon name="search" size={14} />
        <input
          type="search"
          className="input"
          value={view.search}
          placeholder={t("charts.search")}
          aria-label={t("charts.search")}
          onChange={(event) => set({ m: event.target.value })}
        />
      </label>
      <Choice
        label={t("charts.axis")}
        value={settings.axis}
        options={[["step", t("axis.step")], ["relative", t("axis.relative")], ["wall", t("axis.wall")]]}
        onChange={(axis) => set({ x: axis === "step" ? null : axis, zoom: null })}
      />
      <Smoothing value={settings.smoothing} onChange={(value) => set({ smooth: value ? String(value) : null })} />
      <Popover label={t("charts.scales")} button={<><Icon name="chart" /> <span className="wide-only">{t("charts.scales")}</span></>}>
        {() => (
          <div className="checks">
            <label>
              <input type="checkbox" checked={settings.logY} onChange={() => toggleLog("y")} /> {t("charts.logy")}
            </label>
            <label>
              <input type="checkbox" checked={settings.logX} onChange={() => toggleLog("x")} /> {t("charts.logx")}
            </label>
            <label>
              <input type="checkbox" checked={!settings.outliers} onChange={() => set({ fit: settings.outliers ? "calm" : null })} /> {t("charts.calm")}
            </label>
          </div>
        )}
      </Popover>
      {view.zoom && (
        <button type="button" className="button" onClick={() => view.setZoom(null)}>
          {t("charts.unzoom")}
        </button>
      )}
      {children}
    </div>
  );
}

/** Drawn while the slider moves; written to the address a moment later (browsers limit how often). */
function Smoothing({ value, onChange }: { value: number; onChange: (value: number) => void }): ReactElement {
  const [moving, setMoving] = useState<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const move = (next: number) => {
    setMoving(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      onChange(next);
      setMoving(null);
    }, 90);
  };
  const shown = moving ?? value;
  return (
    <label className="slider" title={t("charts.smoothing.title")}>
      <span>{t("charts.smoothing")}</span>
      <input type="range" aria-label={t("charts.smoothing")} min={0} max={0.99} step={0.01} value={shown} onChange={(event) => move(Number(event.target.value))} />
      <output>{shown.toFixed(2)}</output>
    </label>
  );
}
