import type { ReactElement } from "react";
import { Empty } from "../components/basic";
import { useParam } from "../lib/router";
import { t } from "../messages";
import { LineageView } from "./lineage/LineageView";

/** The lineage of anything: `?of=data:…`, `?of=version:…` or `?of=run:…`. */
export function LineagePage({ project }: { project: string }): ReactElement {
  const [of] = useParam("of");
  if (!of) return <main className="page narrow"><Empty title={t("lineage.nothing")} /></main>;
  return (
    <main className="page full">
      <header className="page-head">
        <h1>
          {t("lineage")} <span className="lineage-of">{shownName(of)}</span>
        </h1>
      </header>
      <LineageView key={of} project={project} start={of} />
    </main>
  );
}

/** The name in an id, without its kind and a long digest. */
function shownName(id: string): string {
  const rest = id.slice(id.indexOf(":") + 1);
  return id.startsWith("data:") ? rest.slice(0, rest.lastIndexOf("@")) : id.startsWith("run:") ? rest.slice(0, 8) : rest;
}
