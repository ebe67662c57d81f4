import type { ReactElement } from "react";
import type { SweepState, SweepSummary, TrialState } from "../../api/sweeps";
import { t } from "../../messages";

const LOOKS: Record<SweepState, string> = { running: "running", paused: "killed", finished: "finished", cancelled: "killed" };

export function SweepBadge({ state }: { state: SweepState }): ReactElement {
  return (
    <span className={`status status-${LOOKS[state]}`}>
      <i aria-hidden="true" />
      {t(`sweep.state.${state}`)}
    </span>
  );
}

const STATES: readonly TrialState[] = ["running", "waiting", "finished", "stopped", "failed"];

/** How many trials are in which state. */
export function SweepCounts({ sweep }: { sweep: SweepSummary }): ReactElement {
  const done = sweep.counts.finished + sweep.counts.stopped + sweep.counts.failed;
  const said = STATES.filter((state) => sweep.counts[state] > 0).map((state) => t(`sweep.counts.${state}`, { count: sweep.counts[state] }));
  return (
    <span className="sweep-counts">
      {sweep.expected !== null && <span className="num">{t("sweep.of.expected", { count: done, total: sweep.expected })}</span>}
      <span className="hint">{said.join(" · ")}</span>
    </span>
  );
}
