import type { ReactElement } from "react";
import type { Run } from "../../api/types";
import { IconButton, Link, StatusBadge } from "../../components/basic";
import { formatNumber } from "../../lib/format";
import { to } from "../../lib/router";
import { t } from "../../messages";
import { type Line, type Section, titlesOf } from "./sections";

interface Props {
  runs: readonly Run[];
  sections: readonly Section[];
  all: boolean;
  onBaseline: (run: string) => void;
  onRemove: ((run: string) => void) | undefined;
}

const MOST = 1000; // rows of a section

/** Runs as columns, the baseline first; what differs as rows. */
export function SideBySide({ runs, sections, all, onBaseline, onRemove }: Props): ReactElement {
  const titles = titlesOf(runs);
  const titleOf = (run: Run) => titles.get(run.id) ?? "";
  return (
    <div className="compare-scroll" tabIndex={0} role="region" aria-label={t("compare")}>
      <table className="compare">
        <thead>
          <tr>
            <th />
            {runs.map((run, at) => (
              <th key={run.id} scope="col" className={at === 0 ? "baseline" : undefined}>
                <span className="compare-run">
                  <Link to={to.run(run.id)}>{titleOf(run)}</Link>
                  <span className="grow" />
                  {at > 0 && <IconButton icon="pin" label={t("compare.baseline.set", { name: titleOf(run) })} onClick={() => onBaseline(run.id)} />}
                  {onRemove && <IconButton icon="close" label={t("compare.remove", { name: titleOf(run) })} onClick={() => onRemove(run.id)} />}
                </span>
                <span className="compare-state">
                  <StatusBadge status={run.status} />
                  {at === 0 && <span className="tag good">{t("compare.baseline")}</span>}
                </span>
              </th>
            ))}
          </tr>
        </thead>
        {sections.map((section) => (
          <Rows key={section.title} section={section} runs={runs} all={all} />
        ))}
      </table>
    </div>
  );
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
      {lines.slice(0, MOST).map((line) => (
        <tr key={line.name} className={line.differs ? "differs" : ""}>
          <th scope="row">{line.name}</th>
          {line.values.map((value, at) => (
            <td key={at} className={cellClass(line, at)} title={value}>
              {value || <span className="none">–</span>}
              {at > 0 && <Delta line={line} at={at} />}
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

function cellClass(line: Line, at: number): string | undefined {
  if (at === line.best && line.differs) return "best";
  return at > 0 && line.differs && line.values[at] !== line.values[0] ? "other" : undefined;
}

/** How far a metric is from the baseline's. */
function Delta({ line, at }: { line: Line; at: number }): ReactElement | null {
  const [base, value] = [line.numbers?.[0], line.numbers?.[at]];
  if (typeof base !== "number" || typeof value !== "number" || !Number.isFinite(value - base) || value === base) return null;
  const better = line.largerIsBetter === null || line.largerIsBetter === undefined ? "" : value > base === line.largerIsBetter ? " good" : " bad";
  return <small className={`delta${better}`}>{` ${value > base ? "+" : ""}${formatNumber(value - base, 3)}`}</small>;
}
