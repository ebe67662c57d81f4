/** How the states of stages look: a sign, a word and a colour each. */
import { type ReactElement, useEffect, useState } from "react";
import type { Pipeline, Stage, StageStatus } from "../../api/types";
import { Icon, type IconName } from "../../components/Icon";
import { formatDuration } from "../../lib/format";
import { type Key, t } from "../../messages";

const SIGNS: Record<StageStatus, IconName> = {
  failed: "close",
  running: "play",
  ran: "check",
  restored: "layers",
  pulled: "download",
  unchanged: "layers",
  verified: "check",
  skipped: "skip",
  waiting: "clock",
  "not reached": "skip",
};
/** In the order in which people want to know. */
export const STATUSES = Object.keys(SIGNS) as StageStatus[];

export const statusText = (status: StageStatus) => t(`pipeline.${status.replace(" ", "")}` as Key);
export const statusClass = (status: StageStatus) => `stage-${status.replace(" ", "-")}`;

export function StageSign({ status }: { status: StageStatus }): ReactElement {
  return (
    <span className={`stage-sign ${statusClass(status)}`} aria-hidden="true">
      {status === "running" ? <i className="spinner" /> : <Icon name={SIGNS[status]} size={12} />}
    </span>
  );
}

export function StageBadge({ status }: { status: StageStatus }): ReactElement {
  return (
    <span className={`stage-badge ${statusClass(status)}`}>
      <StageSign status={status} /> {statusText(status)}
    </span>
  );
}

/** How many stages are in which state. */
export function Counts({ counts }: { counts: Pipeline["counts"] }): ReactElement {
  return (
    <span className="stage-counts">
      {STATUSES.filter((status) => counts[status]).map((status) => (
        <span key={status} className={`stage-badge ${statusClass(status)}`} title={statusText(status)}>
          <StageSign status={status} /> {counts[status]} <span className="stage-word">{statusText(status)}</span>
        </span>
      ))}
    </span>
  );
}

/** The present time in µs, again each second while something goes on. */
export function useNow(ticking: boolean): number {
  const [now, setNow] = useState(() => Date.now() * 1000);
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => setNow(Date.now() * 1000), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

/** A duration that grows while there is no end. */
export function Took({ began, ended }: { began: number; ended: number }): ReactElement | null {
  const now = useNow(began > 0 && ended === 0);
  return began > 0 ? <span className="num">{formatDuration((ended || now) - began)}</span> : null;
}

/** What a screen reader says of a stage. */
export function stageName(stage: Stage): string {
  const took = stage.began && stage.ended ? `, ${formatDuration(stage.ended - stage.began)}` : "";
  return `${stage.name}: ${statusText(stage.status)}${took}`;
}
