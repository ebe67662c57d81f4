import { useQueries } from "@tanstack/react-query";
import { type ReactElement, useMemo } from "react";
import { api } from "../api/client";
import type { Run } from "../api/types";
import { CopyButton, Empty, ErrorBox, Link, Loading } from "../components/basic";
import { MediaSections } from "../media/MediaSections";
import { setSearch, to, useParam, useSearch } from "../lib/router";
import { t } from "../messages";
import { PairDetails } from "./compare/Pair";
import { markdown, sectionsOf, titlesOf } from "./compare/sections";
import { SideBySide } from "./compare/SideBySide";

const MOST = 50;
const BESIDE = 8; // runs whose media are shown beside each other

/** Chosen runs side by side: metrics, parameters, code, data and environment; then the code and data of two in full. */
export function ComparePage({ project }: { project: string }): ReactElement {
  const ids = (useSearch().get("runs") ?? "").split(",").filter(Boolean).slice(0, MOST);
  const [all, setAll] = useParam("all");
  const [baseline] = useParam("base");
  const found = useQueries({ queries: ids.map((id) => ({ queryKey: ["run", id], queryFn: ({ signal }: { signal: AbortSignal }) => api.run(id, signal) })) });
  const loaded = found.map((query) => query.data).filter((run) => run !== undefined);
  const runs = baselineFirst(loaded, baseline);
  const sections = useMemo(() => sectionsOf(runs), [runs.map((run) => `${run.id}${run.revision}${run.seen_at}`).join()]);
  if (ids.length === 0)
    return (
      <main className="page narrow">
        <Empty title={t("compare")}>
          <p>
            <Link to={to.project(project)}>{t("compare.none")}</Link>
          </p>
        </Empty>
      </main>
    );
  const failed = found.find((query) => query.error)?.error;
  if (runs.length === 0) return <main className="page">{failed ? <ErrorBox error={failed} /> : <Loading />}</main>;
  const remove = (id: string) => setSearch({ runs: ids.filter((one) => one !== id).join(","), ...(id === baseline ? { base: null } : {}) });
  return (
    <main className="page full">
      <header className="page-head">
        <h1>{t("compare.title", { count: runs.length })}</h1>
        <span className="grow" />
        <label className="check">
          <input type="checkbox" checked={all !== "1"} onChange={() => setAll(all === "1" ? "" : "1")} /> {t("compare.changed")}
        </label>
        <CopyButton text={markdown(runs, sections, all === "1")} label={t("compare.markdown")} />
      </header>
      {Boolean(failed) && <ErrorBox error={failed} />}
      <SideBySide runs={runs} sections={sections} all={all === "1"} onBaseline={(base) => setSearch({ base })} onRemove={ids.length > 2 ? remove : undefined} />
      <CompareMedia project={project} runs={runs} />
      <PairDetails runs={runs} />
    </main>
  );
}

/** What the runs logged under the same keys, beside each other. */
function CompareMedia({ project, runs }: { project: string; runs: readonly Run[] }): ReactElement {
  const shown = useMemo(() => runs.slice(0, BESIDE), [runs.map((run) => `${run.id}${run.seen_at}`).join()]);
  const titles = titlesOf(shown);
  return (
    <div className="compare-media">
      <MediaSections project={project} runs={shown} titleOf={(run) => titles.get(run.id) ?? ""} none={null} />
    </div>
  );
}

/** The baseline is the one that was chosen, else the oldest. */
function baselineFirst(runs: readonly Run[], chosen: string): Run[] {
  const base = runs.find((run) => run.id === chosen) ?? [...runs].sort((a, b) => a.created_at - b.created_at)[0];
  return base ? [base, ...runs.filter((run) => run !== base)] : [];
}
