/** What stands side by side: rows of values, one of each run. */
import type { Run } from "../../api/types";
import { formatDuration, formatTime, formatValue, shortDigest, toNumber } from "../../lib/format";
import { dataOf } from "../../lib/inputs";
import { isHidden, isOwn } from "../../lib/keys";
import { isObject } from "../../lib/loose";
import { type Key, t } from "../../messages";
import { goalOf, largerIsBetter } from "../../table/columns";

export interface Line {
  name: string;
  values: string[];
  differs: boolean;
  /** Which run has the best value; -1 for none. */
  best: number;
  /** Numbers, so that a difference to the baseline can be shown. */
  numbers?: (number | null)[];
  largerIsBetter?: boolean | null;
}

export interface Section {
  title: Key;
  lines: Line[];
}

export function sectionsOf(runs: readonly Run[]): Section[] {
  return [
    { title: "compare.metrics", lines: metricLines(runs) },
    { title: "compare.config", lines: keysOf(runs, (run) => run.config).filter((key) => !isHidden(key)).map((key) => line(runs, key, (run) => formatValue(run.config[key]))) },
    {
      title: "compare.code",
      lines: [
        line(runs, t("fact.commit"), (run) => (run.code?.commit ?? "").slice(0, 12)),
        line(runs, t("fact.branch"), (run) => run.code?.branch ?? ""),
        line(runs, t("fact.dirty"), (run) => run.code?.diff_stat?.trim().split("\n").at(-1)?.trim() || (run.code?.dirty ? t("yes") : t("no"))),
        line(runs, t("fact.command"), (run) => (run.command ?? []).join(" ")),
      ],
    },
    { title: "compare.data", lines: dataLines(runs) },
    { title: "compare.environment", lines: environmentLines(runs) },
    {
      title: "run.facts",
      lines: [line(runs, t("fact.created"), (run) => formatTime(run.created_at)), line(runs, t("fact.duration"), (run) => formatDuration(run.duration)), line(runs, t("fact.user"), (run) => run.user)],
    },
  ];
}

const keysOf = (runs: readonly Run[], of: (run: Run) => object) => [...new Set(runs.flatMap((run) => Object.keys(of(run))))].sort();

function line(runs: readonly Run[], name: string, of: (run: Run) => string): Line {
  const values = runs.map(of);
  return { name, values, differs: new Set(values).size > 1, best: -1 };
}

function metricLines(runs: readonly Run[]): Line[] {
  return keysOf(runs, (run) => run.metrics)
    .filter((key) => isOwn(key) && !runs.some((run) => isObject(run.metrics[key]?.last))) // media stand below
    .map((key) => {
      const statistic = runs.some((run) => goalOf(run, key)) ? "best" : "last";
      const made = line(runs, `${key} (${t(`statistic.${statistic}`)})`, (run) => formatValue(run.metrics[key]?.[statistic]));
      const better = largerIsBetter(runs.find((run) => goalOf(run, key)) ?? runs[0], key);
      const numbers = runs.map((run) => toNumber(run.metrics[key]?.[statistic]));
      return { ...made, numbers, largerIsBetter: better, best: bestOf(numbers, better) };
    });
}

function bestOf(numbers: readonly (number | null)[], better: boolean | null): number {
  if (better === null) return -1;
  let best = -1;
  let champion: number | null = null;
  numbers.forEach((value, at) => {
    if (value === null || Number.isNaN(value)) return;
    if (champion === null || (better ? value > champion : value < champion)) [best, champion] = [at, value];
  });
  return best;
}

function dataLines(runs: readonly Run[]): Line[] {
  const read = runs.map(dataOf);
  const paths = [...new Set(read.flatMap((found) => [...found.keys()]))].sort();
  return paths.map((path) => {
    const values = read.map((found) => {
      const version = found.get(path);
      if (!version) return "";
      return `${version.changed ? "~" : ""}${version.artifact ? version.version : shortDigest(version.version)}`;
    });
    return { name: path, values, differs: new Set(values).size > 1, best: -1 };
  });
}

function environmentLines(runs: readonly Run[]): Line[] {
  const packages = runs.map((run) => Object.fromEntries((run.environment?.packages ?? []).map(([name, version]) => [name, version])));
  const names = [...new Set(packages.flatMap((found) => Object.keys(found)))].sort();
  return [
    line(runs, t("fact.python"), (run) => run.environment?.python ?? ""),
    line(runs, t("fact.os"), (run) => run.environment?.os ?? ""),
    line(runs, t("fact.cpu"), (run) => run.environment?.cpu ?? ""),
    line(runs, t("fact.gpus"), (run) => run.environment?.gpus.join(", ") ?? ""),
    line(runs, t("fact.cuda"), (run) => run.environment?.cuda ?? ""),
    line(runs, t("fact.host"), (run) => run.host),
    line(runs, t("fact.seeds"), (run) => Object.entries(run.seeds ?? {}).map(([name, seed]) => `${name} ${formatValue(seed)}`).join(", ")),
    ...names.map((name) => {
      const values = packages.map((found) => found[name] ?? "");
      return { name, values, differs: new Set(values).size > 1, best: -1 };
    }),
    ...keysOf(runs, (run) => run.environment?.variables ?? {}).map((name) => line(runs, name, (run) => run.environment?.variables?.[name] ?? "")),
  ];
}

/** A title for each run; those of one name have the beginning of their id. */
export function titlesOf(runs: readonly Run[]): Map<string, string> {
  const count = (name: string) => runs.filter((run) => run.name === name).length;
  return new Map(runs.map((run) => [run.id, run.name && count(run.name) === 1 ? run.name : `${run.name} ${run.id.slice(0, 6)}`.trim()]));
}

export function markdown(runs: readonly Run[], sections: readonly Section[], all: boolean): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const row = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  const lines = sections.flatMap((section) => section.lines.filter((one) => all || one.differs));
  const titles = titlesOf(runs);
  return [row(["", ...runs.map((run) => titles.get(run.id) ?? "")]), row(["---", ...runs.map(() => "---")]), ...lines.map((one) => row([one.name, ...one.values]))].join("\n");
}
