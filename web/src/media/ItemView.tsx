import { type ReactElement, useMemo } from "react";
import { Empty, ErrorBox, Loading } from "../components/basic";
import { Icon } from "../components/Icon";
import { formatSize, toNumber } from "../lib/format";
import { listOf, textOf } from "../lib/loose";
import { t } from "../messages";
import { PlotlyView } from "../plots/PlotlyView";
import { useFiles } from "./files";
import { HtmlView } from "./HtmlView";
import { HistogramView } from "./HistogramView";
import { ImageView, type OverlayChoice } from "./ImageView";
import { Matrix } from "./Matrix";
import type { Labels } from "./overlays";
import { binsOf, type Item } from "./pointer";
import { SceneFile } from "./SceneFile";
import { TableFile } from "./TableFile";
import { useText } from "./useFile";

const SHOWN = 200_000; // characters of a text

export interface ItemContext {
  labels: Record<"boxes" | "masks", Record<string, Labels>>;
  choice: OverlayChoice;
  onChoice: (choice: OverlayChoice) => void;
}

/** One logged thing in full. */
export function ItemView({ item, name, context }: { item: Item; name: string; context: ItemContext }): ReactElement {
  const files = useFiles();
  const address = item.path ? files.url(item.path) : "";
  switch (item.kind) {
    case "image":
      return <ImageView item={item} name={name} {...context} />;
    case "video":
      return <Played caption={item.caption}>{isGif(item) ? <img src={address} alt={item.caption || name} /> : <video src={address} controls loop muted playsInline preload="metadata" />}</Played>;
    case "audio":
      return <Played caption={item.caption}><audio src={address} controls preload="metadata" /></Played>;
    case "html":
      return <HtmlView item={item} name={name} />;
    case "table":
      return <TableFile item={item} name={name} />;
    case "text":
      return item.path ? <TextFile path={item.path} /> : <pre>{textOf(item.facts["text"]).slice(0, SHOWN)}</pre>;
    case "plotly":
      return <PlotlyView path={item.path} name={name} />;
    case "histogram": {
      const bins = binsOf(item.facts);
      return bins ? <HistogramView bins={bins} /> : <Empty title={t("media.nothing")} />;
    }
    case "confusion-matrix":
      return <MatrixOf item={item} />;
    case "molecule":
    case "object3d":
      return <SceneFile item={item} name={name} />;
    default:
      return <FileCard item={item} />;
  }
}

const isGif = (item: Item) => /\.gif$/i.test(item.path);

function Played({ caption, children }: { caption: string; children: ReactElement }): ReactElement {
  return (
    <figure>
      {children}
      {caption && <figcaption>{caption}</figcaption>}
    </figure>
  );
}

function MatrixOf({ item }: { item: Item }): ReactElement {
  const labels = useMemo(() => listOf(item.facts["labels"]).map(String), [item]);
  const rows = useMemo(() => listOf(item.facts["matrix"]).map((row) => listOf(row).map((count) => toNumber(count) ?? 0)), [item]);
  return <Matrix labels={labels} rows={rows} />;
}

function TextFile({ path }: { path: string }): ReactElement {
  const found = useText(path);
  if (found.error) return <ErrorBox error={found.error} />;
  return found.data === undefined ? <Loading /> : <pre>{found.data.slice(0, SHOWN)}</pre>;
}

/** What the page draws not itself: what it is, and its bytes. */
function FileCard({ item }: { item: Item }): ReactElement {
  const files = useFiles();
  const name = item.path.split("/").at(-1) ?? item.path;
  const size = toNumber(item.facts["size"]);
  const kind = item.kind === "file" ? textOf(item.facts["_type"]) || textOf(item.facts["media"]) : t(`media.kind.${item.kind}` as "media.kind.bokeh");
  return (
    <div className="file-card">
      <Icon name={item.kind === "file" ? "file" : "cube"} size={28} />
      <div>
        <b>{kind}</b>
        {item.caption && <p>{item.caption}</p>}
        <p className="hint">
          <code>{name}</code> {size !== null && formatSize(size)}
        </p>
      </div>
      {item.path && (
        <a className="button" href={files.url(item.path)} download={name}>
          <Icon name="download" /> {t("download")}
        </a>
      )}
    </div>
  );
}
