import { type ReactElement, useState } from "react";
import type { PanelsBlock, ReportPanel, RunSet } from "../../api/reports";
import type { Json, Run } from "../../api/types";
import { ErrorBox, Link, Loading } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { formatValue } from "../../lib/format";
import { to } from "../../lib/router";
import { SteppingOf, useNewStepping } from "../../media/stepping";
import { t } from "../../messages";
import { PanelBody } from "./PanelBody";
import { type DrawnRun, fieldValue, useDrawnRuns } from "./runs";

const BESIDE = 20; // runs of a comparison

/** Panels on a grid, over the runs of run sets. */
export function PanelGrid({ block }: { block: PanelsBlock }): ReactElement {
  const { runs, error } = useDrawnRuns(block);
  const stepping = useNewStepping();
  if (error) return <ErrorBox error={error} />;
  if (!runs) return <Loading />;
  return (
    <SteppingOf value={stepping}>
      <section className="report-panels">
        <div className="report-grid">
          {block.panels.map((panel, at) => (
            <PanelCard key={at} panel={panel} runs={runs} project={block.run_sets[0]?.project ?? ""} />
          ))}
        </div>
        {!block.hides_run_sets && block.run_sets.map((set, at) => <SetTable key={at} set={set} runs={runs} isOpen={block.is_open} />)}
      </section>
    </SteppingOf>
  );
}

function PanelCard({ panel, runs, project }: { panel: ReportPanel; runs: readonly DrawnRun[]; project: string }): ReactElement {
  const { x, y, w, h } = panel.layout;
  const place = { gridColumn: `${clamp(x, 0, 23) + 1} / span ${clamp(w, 1, 24 - clamp(x, 0, 23))}`, gridRow: `${Math.max(0, y) + 1} / span ${Math.max(1, h)}` };
  return (
    <article className="panel report-panel" style={place} aria-label={panel.title || panel.type}>
      {panel.title && <h3>{panel.title}</h3>}
      <PanelBody panel={panel} runs={runs} project={project} />
    </article>
  );
}

const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));

/** The runs of a set as a table, and what could not be understood of its filters. */
function SetTable({ set, runs, isOpen }: { set: RunSet; runs: readonly DrawnRun[]; isOpen: boolean }): ReactElement {
  const [open, setOpen] = useState(isOpen);
  const known = new Map<string, Run>(runs.map(({ run }) => [run.id, run]));
  const colors = new Map(runs.map(({ run, color }) => [run.id, color]));
  const cell = (id: string, at: number): Json | undefined => {
    const [run, field] = [known.get(id), set.columns[at]];
    return run && field ? fieldValue(run, field) : undefined;
  };
  return (
    <details className="report-set" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon name="chevron" size={13} /> {set.name} <span className="count">{set.total}</span>
        <Link className="link-button" to={to.compare(set.project, set.runs.slice(0, BESIDE).map((run) => run.id))}>{t("report.compare")}</Link>
      </summary>
      {set.notes.map((note) => (
        <p key={note} className="notice warn"><Icon name="warning" /> {note}</p>
      ))}
      <div className="table-wrap">
        <table className="data-table">
          <thead>
            <tr>
              <th>{t("table.name")}</th>
              {set.columns.map((column) => <th key={`${column.scope}:${column.key}`}>{column.key}</th>)}
            </tr>
          </thead>
          <tbody>
            {set.runs.map((run) => (
              <tr key={run.id} className={run.is_hidden ? "is-hidden" : undefined}>
                <td>
                  <i className="swatch" style={{ background: colors.get(run.id) }} /> <Link to={to.run(run.id)}>{run.name || run.id.slice(0, 8)}</Link>
                </td>
                {set.columns.map((column, at) => <td key={`${column.scope}:${column.key}`} className="num">{formatValue(cell(run.id, at))}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {set.total > set.runs.length && <p className="hint">{t("report.runs.first", { count: set.runs.length, total: set.total })}</p>}
    </details>
  );
}
