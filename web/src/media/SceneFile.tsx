import { lazy, type ReactElement, Suspense, useState } from "react";
import { Loading } from "../components/basic";
import { formatSize, toNumber } from "../lib/format";
import { t } from "../messages";
import { useFiles } from "./files";
import type { Item } from "./pointer";

const LARGE = 8_000_000; // bytes that are fetched unasked

const SceneView = lazy(() => import("../scene/SceneView"));

/** A 3D object or a molecule, with the file itself. What draws it is fetched when the first one is looked at. */
export function SceneFile({ item, name }: { item: Item; name: string }): ReactElement {
  const files = useFiles();
  const size = toNumber(item.facts["size"]) ?? 0;
  const [asked, setAsked] = useState(size < LARGE);
  const own = item.path.split("/").at(-1) ?? item.path;
  return (
    <div className="scene-file">
      {asked && (
        <Suspense fallback={<Loading />}>
          <SceneView key={item.path} path={item.path} name={item.caption || name} kind={item.kind === "molecule" ? "molecule" : "object3d"} />
        </Suspense>
      )}
      {item.caption && <p className="hint">{item.caption}</p>}
      <p className="hint">
        {!asked && (
          <button type="button" className="link-button" onClick={() => setAsked(true)}>
            {t("scene.show")}
          </button>
        )}{" "}
        <a href={files.url(item.path)} download={own}>
          {t("download")} {size > 0 && `(${formatSize(size)})`}
        </a>
      </p>
    </div>
  );
}
