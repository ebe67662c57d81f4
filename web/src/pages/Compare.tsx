import { useQueries } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import type { Run } from "../api/types";
import { CopyButton, Empty, ErrorBox, Link, Loading, StatusBadge } from "../components/basic";
import { formatDuration, formatTime, formatValue, toNumber } from "../lib/format";
import { to, useParam, useSearch } from "../lib/router";
import { type Key, t } from "../messages";
import { goalOf, largerIsBetter } from "../table/columns";

const MOST = 50;

/** Chosen runs side by side: parameters, metrics, code, environment and data; what differs stands out. */
export function ComparePage({ project }: { project: string }): ReactElement {
  const ids = (useSearch().get("runs") ?? "").split(",").filter(Boolean).slice(0, MOST);
  const [all, setAll] = useParam("all");
  const found = useQueries({ queries: ids.map((id) => ({ queryKey: ["run", id], queryFn: ({ signal }: { signal: AbortSignal }) => api.run(id, signal) })) });
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
  const runs = found.map((query) => query.data).filter((run) => run !== undefined);
  const failed = found.find((query) => query.error)?.error;
  if (runs.length === 0) return <main className="page">{failed ? <ErrorBox error={failed} /> : <Loading />}</main>;
  const sections = compare(runs);
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
      <div className="compare-scroll" tabIndex={0} role="region" aria-label={t("compare")}>
        <table className="compare">
          <thead>
            <tr>
              <th />
              {runs.map((run) => (
                <th key={run.id} scope="col">
                  <Link to={to.run(run.id)}>{run.name || run.id.slice(0, 8)}</Link>
                  <StatusBadge status={run.status} />
                </th>
              ))}
            </tr>
          </thead>
          {sections.map((section) => (
            <Rows key={section.title} section={section} runs={runs} all={all === "1"} />
          ))}
        </table>
      </div>
    </main>
  );
}

interface Line {
  name: string;
  values: string[];
  differs: boolean;
  best: number;
}

interface Section {
  title: Key;
  lines: Line[];
}

function compare(runs: readonly Run[]): Section[] {
  const keys = (of: (run: Run) => object) => [...new Set(runs.flatMap((run) => Object.keys(of(run))))].sort();
  const line = (name: string, of: (run: Run) => string, best = -1): Line => {
    const values = runs.map(of);
    return { name, values, differs: new Set(values).size > 1, best };
  };
  const packages = runs.map((run) => Object.fromEntries((run.environment?.packages ?? []).map(([name, version]) => [name, version])));
  const packageNames = [...new Set(packages.flatMap((found) => Object.keys(found)))].sort();
  const inputs = (run: Run) => Object.fromEntries((run.inputs ?? []).map((item) => [item.path, item.digest.replace(/^\w+:/, "").slice(0, 12)]));
  return [
    { title: "compare.config", lines: keys((run) => run.config).map((key) => line(key, (run) => formatValue(run.config[key]))) },
    {
      title: "compare.metrics",
      lines: keys((run) => run.metrics)
        .filter((key) => !key.startsWith("system/"))
        .map((key) => {
          const statistic = runs.some((run) => goalOf(run, key)) ? "best" : "last";
          return line(`${key} (${t(`statistic.${statistic}`)})`, (run) => formatValue(run.metrics[key]?.[statistic]), bestOf(runs, key, statistic));
        }),
    },
    {
      title: "compare.code",
      lines: [
        line(t("fact.commit"), (run) => (run.code?.commit ?? "").slice(0, 12)),
        line(t("fact.branch"), (run) => run.code?.branch ?? ""),
        line(t("fact.dirty"), (run) => run.code?.diff_stat || (run.code?.dirty ? t("yes") : t("no"))),
        line(t("fact.command"), (run) => (run.command ?? []).join(" ")),
      ],
    },
    { title: "compare.data", lines: keys(inputs).map((path) => line(path, (run) => inputs(run)[path] ?? "")) },
    {
      title: "compare.environment",
      lines: [
        line(t("fact.python"), (run) => run.environment?.python ?? ""),
        line(t("fact.os"), (run) => run.environment?.os ?? ""),
        line(t("fact.gpus"), (run) => run.environment?.gpus.join(", ") ?? ""),
        line(t("fact.cuda"), (run) => run.environment?.cuda ?? ""),
        line(t("fact.host"), (run) => run.host),
        ...packageNames.map((name) => ({ ...line(name, () => ""), values: packages.map((found) => found[name] ?? ""), differs: new Set(packages.map((found) => found[name])).size > 1 })),
      ],
    },
    { title: "run.facts", lines: [line(t("fact.created"), (run) => formatTime(run.created_at)), line(t("fact.duration"), (run) => formatDuration(run.duration)), line(t("fact.user"), (run) => run.user)] },
  ];
}

function bestOf(runs: readonly Run[], key: string, statistic: "best" | "last"): number {
  const better = largerIsBetter(runs.find((run) => goalOf(run, key)) ?? runs[0], key);
  if (better === null) return -1;
  let best = -1;
  let champion: number | null = null;
  runs.forEach((run, at) => {
    const value = toNumber(run.metrics[key]?.[statistic]);
    if (value === null || Number.isNaN(value)) return;
    if (champion === null || (better ? value > champion : value < champion)) [best, champion] = [at, value];
  });
  return best;
}

function Rows({ section, runs, all }: { section: Section; runs: readonly Run[]; all: boolean }): ReactElement | null {
  const lines = section.lines.filter((line) => all || line.differs);
  if (section.lines.length === 0) return null;
  return (
    <tbody>
      <tr className="compare-section">
        <th colSpan={runs.length + 1} scope="colgroup">
          {t(section.title)} <span className="count">{lines.length}</span>
        </th>
      </tr>
      {lines.length === 0 && (
        <tr>
          <td colSpan={runs.length + 1} className="hint">
            {t("compare.same")}
          </td>
        </tr>
      )}
      {lines.slice(0, 1000).map((line) => (
        <tr key={line.name} className={line.differs ? "differs" : ""}>
          <th scope="row">{line.name}</th>
          {line.values.map((value, at) => (
            <td key={at} className={at === line.best && line.differs ? "best" : ""} title={value}>
              {value || <span className="none">–</span>}
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

function markdown(runs: readonly Run[], sections: readonly Section[], all: boolean): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const row = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  const lines = sections.flatMap((section) => section.lines.filter((line) => all || line.differs));
  return [row(["", ...runs.map((run) => run.name || run.id.slice(0, 8))]), row(["---", ...runs.map(() => "---")]), ...lines.map((line) => row([line.name, ...line.values]))].join("\n");
}
