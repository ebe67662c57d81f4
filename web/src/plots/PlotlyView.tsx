import { type ReactElement, useMemo } from "react";
import { ErrorBox, Loading } from "../components/basic";
import { Icon } from "../components/Icon";
import { t } from "../messages";
import { useFiles } from "../media/files";
import { useJson } from "../media/useFile";
import { VegaView } from "../vega/VegaView";
import { figureOf } from "./plotly";

const HEIGHT = 300;

/** A figure of Plotly. What the page cannot draw of it is said, and the figure can be taken along. */
export function PlotlyView({ path, name }: { path: string; name: string }): ReactElement {
  const files = useFiles();
  const found = useJson(path);
  const figure = useMemo(() => (found.data === undefined ? null : figureOf(found.data)), [found.data]);
  if (found.error) return <ErrorBox error={found.error} onRetry={() => void found.refetch()} />;
  if (!figure) return <Loading />;
  const missing = [...new Set(figure.missing)];
  return (
    <figure className="figure">
      {figure.title && <b className="figure-title">{figure.title}</b>}
      <div className={figure.plots.length > 1 ? "figure-plots several" : "figure-plots"}>
        {figure.plots.map(({ spec, many }, at) => (
          <VegaView key={at} spec={spec} many={many} height={HEIGHT} label={figure.title || name} />
        ))}
      </div>
      {figure.images.map((source, at) => (
        <img key={at} src={source} alt={figure.title || name} />
      ))}
      {missing.length > 0 && (
        <p className="notice warn">
          <Icon name="warning" /> {t("plot.missing", { kinds: missing.join(", ") })}
        </p>
      )}
      <figcaption>
        <a href={files.url(path)} download={path.split("/").at(-1)}>
          {t("plot.json")}
        </a>
      </figcaption>
    </figure>
  );
}
