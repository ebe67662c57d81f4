/** What the page says of a plot before Vega is there. */
import { hues } from "../lib/color";
import { t } from "../messages";

/** A specification of Vega-Lite, or of Vega where its `$schema` says so. */
export type PlotSpec = { [part: string]: unknown };

export interface DrawOptions {
  config: object;
  size: { width: number; height?: number };
  renderer: "svg" | "canvas";
  onPick: ((datum: Record<string, unknown>) => void) | undefined;
}

export interface Drawing {
  resize: (width: number) => void;
  close: () => void;
}

/** Colours and type of the page. */
export function plotConfig(element: Element, dark: boolean): object {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const [text, soft, line, accent] = [color("--text"), color("--text-2"), color("--line"), color("--accent")];
  const font = style.fontFamily;
  return {
    background: null,
    countTitle: t("plot.count"),
    font,
    autosize: { type: "fit", contains: "padding" },
    padding: 4,
    title: { color: text, font, fontSize: 13, fontWeight: 650, subtitleColor: soft },
    axis: { labelColor: soft, titleColor: soft, labelFont: font, titleFont: font, titleFontWeight: 500, gridColor: line, domainColor: line, tickColor: line, labelLimit: 160 },
    axisQuantitative: { tickCount: 6, labelOverlap: true },
    axisXDiscrete: { labelAngle: 0, labelOverlap: true },
    legend: { labelColor: text, titleColor: soft, labelFont: font, titleFont: font, labelLimit: 160, orient: "bottom", columns: 4 },
    header: { labelColor: text, titleColor: soft },
    view: { stroke: null },
    mark: { color: accent },
    text: { color: text },
    area: { fillOpacity: 0.35 },
    rule: { color: soft },
    boxplot: { median: { color: color("--surface") }, rule: { color: soft } },
    range: { category: [...hues(dark)], heatmap: { scheme: dark ? "viridis" : "tealblues" }, ramp: { scheme: "viridis" } },
  };
}
