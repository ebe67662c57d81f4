import { type ReactElement, useEffect, useRef, useState } from "react";
import { ErrorBox } from "../components/basic";
import { formatNumber } from "../lib/format";
import { channels, hue } from "../lib/palette";
import { useDark } from "../lib/theme";
import { t } from "../messages";
import { useFiles } from "./files";
import { type Box, type Labels, type Layer, passes, scoreRanges } from "./overlays";
import type { Item } from "./pointer";
import { type Mask, useOverlays } from "./useOverlays";

/** What a reader has switched off; kept by the panel, so that it holds at the next step too. */
export interface OverlayChoice {
  hidden: readonly string[];
  least: Record<string, number>;
}

export const EVERYTHING: OverlayChoice = { hidden: [], least: {} };
const SMALL = 128; // pixels of a width below which a picture is shown larger than it is
const MASK_OPACITY = 110; // of 255

interface Props {
  item: Item;
  name: string;
  labels: Record<"boxes" | "masks", Record<string, Labels>>;
  choice: OverlayChoice;
  onChoice: (choice: OverlayChoice) => void;
}

/** A picture with its boxes and masks, each class of which can be switched off. */
export function ImageView({ item, name, labels, choice, onChoice }: Props): ReactElement {
  const files = useFiles();
  const dark = useDark();
  const [size, setSize] = useState<[number, number] | null>(null);
  const [missing, setMissing] = useState("");
  const overlays = useOverlays(item, size, labels);
  const color = (id: string) => hue(overlays.layers.findIndex((layer) => layer.id === id), dark);
  const shown = overlays.boxes.filter((box) => !choice.hidden.includes(box.layer) && passes(box, choice.least));
  return (
    <figure className="media-image">
      <div className={size && size[0] < SMALL ? "media-layers small" : "media-layers"}>
        <img
          src={files.url(item.path)}
          alt={item.caption || name}
          loading="lazy"
          hidden={missing === item.path}
          onError={() => setMissing(item.path)}
          onLoad={({ currentTarget: image }) => setSize([image.naturalWidth, image.naturalHeight])}
        />
        {overlays.masks.map((mask) => (
          <MaskLayer key={mask.group} mask={mask} layers={overlays.layers} hidden={choice.hidden} color={color} />
        ))}
        {shown.map((box, at) => (
          <BoxMark key={at} box={box} label={labelOf(box, overlays.layers)} color={color(box.layer)} />
        ))}
      </div>
      {missing === item.path && <p className="hint">{t("media.missing", { path: item.path })}</p>}
      {item.caption && <figcaption>{item.caption}</figcaption>}
      {overlays.error !== null && <ErrorBox error={overlays.error} />}
      {overlays.layers.length > 0 && <OverlayBar layers={overlays.layers} ranges={scoreRanges(overlays.boxes)} color={color} choice={choice} onChoice={onChoice} />}
    </figure>
  );
}

function labelOf(box: Box, layers: readonly Layer[]): string {
  return box.caption || (layers.find((layer) => layer.id === box.layer)?.label ?? "");
}

const share = (value: number) => `${value * 100}%`;

function BoxMark({ box, label, color }: { box: Box; label: string; color: string }): ReactElement {
  const scores = Object.entries(box.scores).map(([name, value]) => `${name} ${formatNumber(value, 4)}`);
  return (
    <span className="media-box" title={[label, ...scores].join(" · ")} style={{ left: share(box.left), top: share(box.top), width: share(box.width), height: share(box.height), borderColor: color }}>
      {label && <b style={{ background: color }}>{label}</b>}
    </span>
  );
}

function MaskLayer({ mask, layers, hidden, color }: { mask: Mask; layers: readonly Layer[]; hidden: readonly string[]; color: (id: string) => string }): ReactElement {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = layers.filter((layer) => layer.group === mask.group && !hidden.includes(layer.id));
  const look = shown.map((layer) => `${layer.number}${color(layer.id)}`).join();
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const pixels = context.createImageData(mask.width, mask.height);
    const colors = new Map(shown.map((layer) => [layer.number, channels(color(layer.id))]));
    mask.classes.forEach((number, at) => {
      const rgb = colors.get(number);
      if (rgb) pixels.data.set([...rgb, MASK_OPACITY], at * 4);
    });
    context.putImageData(pixels, 0, 0);
  }, [mask, look]);
  return <canvas ref={canvas} className="media-mask" width={mask.width} height={mask.height} data-group={mask.group} />;
}

interface BarProps {
  layers: readonly Layer[];
  ranges: Record<string, [number, number]>;
  color: (id: string) => string;
  choice: OverlayChoice;
  onChoice: (choice: OverlayChoice) => void;
}

/** The classes as switches, and for each score the least that is shown. */
function OverlayBar({ layers, ranges, color, choice, onChoice }: BarProps): ReactElement {
  const toggle = (id: string) => onChoice({ ...choice, hidden: choice.hidden.includes(id) ? choice.hidden.filter((one) => one !== id) : [...choice.hidden, id] });
  const groups = [...new Set(layers.map((layer) => layer.group))];
  return (
    <div className="media-classes">
      {groups.map((group) => (
        <div key={group} role="group" aria-label={group}>
          <small>{group}</small>
          {layers.filter((layer) => layer.group === group).map((layer) => (
            <button key={layer.id} type="button" className="tag" aria-pressed={!choice.hidden.includes(layer.id)} onClick={() => toggle(layer.id)}>
              <i className="swatch" style={{ background: color(layer.id) }} />
              {layer.label}
            </button>
          ))}
        </div>
      ))}
      {Object.entries(ranges).map(([name, [low, high]]) => low < high && (
        <label key={name} className="slider media-score">
          <span>{t("media.score", { name })}</span>
          <input type="range" min={low} max={high} step={(high - low) / 100} value={choice.least[name] ?? low} onChange={(event) => onChoice({ ...choice, least: { ...choice.least, [name]: Number(event.target.value) } })} />
          <output>{formatNumber(choice.least[name] ?? low, 3)}</output>
        </label>
      ))}
    </div>
  );
}
