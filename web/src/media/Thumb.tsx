import { type ReactElement, useState } from "react";
import { Dialog } from "../components/overlay";
import { t } from "../messages";
import { useFiles } from "./files";
import { EVERYTHING } from "./ImageView";
import { ItemView } from "./ItemView";
import type { Item } from "./pointer";

const NO_LABELS = { boxes: {}, masks: {} }; // a picture in a table names its classes itself

/** A thing in a cell of a table: small, and large at a click. */
export function Thumb({ item }: { item: Item }): ReactElement {
  const files = useFiles();
  const [large, setLarge] = useState(false);
  const [choice, setChoice] = useState(EVERYTHING);
  const title = item.caption || item.path.split("/").at(-1) || item.kind;
  return (
    <>
      <button type="button" className="thumb" title={title} aria-label={t("media.enlarge", { name: title })} onClick={() => setLarge(true)}>
        {item.kind === "image" ? <img src={files.url(item.path)} alt={item.caption} loading="lazy" /> : <span className="tag">{item.kind}</span>}
      </button>
      {large && (
        <Dialog title={title} wide onClose={() => setLarge(false)}>
          <div className="media-body large">
            <ItemView item={item} name={title} context={{ labels: NO_LABELS, choice, onChoice: setChoice }} />
          </div>
        </Dialog>
      )}
    </>
  );
}
