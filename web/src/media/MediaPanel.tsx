import { type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import type { Run } from "../api/types";
import { ErrorBox, IconButton, Loading, Panel } from "../components/basic";
import { Dialog } from "../components/overlay";
import { formatNumber } from "../lib/format";
import { useNear } from "../lib/near";
import { t } from "../messages";
import { RunsShown } from "./RunsShown";
import { useStep } from "./stepping";
import { type Entry, type Logged, useLogged } from "./useMedia";

interface Props {
  entry: Entry;
  runs: readonly Run[];
  /** What runs are called beside each other. */
  titleOf?: ((run: Run) => string) | undefined;
}

/** What one or several runs logged under a key, at a step that is chosen below. */
export function MediaPanel({ entry, runs, titleOf }: Props): ReactElement {
  const [place, near] = useNear<HTMLDivElement>();
  const [seen, setSeen] = useState(false);
  if (near && !seen) setSeen(true); // what was shown once stays: pages do not jump
  const { logged, total, error, retry } = useLogged(runs, entry.key, seen);
  const { steps, position, step, setStep, move } = useSteps(logged);
  const [large, setLarge] = useState(false);
  useArrows(large, (by) => move(position + by));
  const body = error ? (
    <ErrorBox error={error} onRetry={retry} />
  ) : logged === null ? (
    <Loading />
  ) : (
    <RunsShown entry={entry} runs={runs} logged={logged} step={step} onStep={setStep} titleOf={titleOf} />
  );
  const slider = steps.length > 1 && (
    <>
      <Slider name={entry.name} position={position} count={steps.length} onMove={move} />
      {total > 0 && <p className="hint media-sampled">{t("media.sampled", { count: steps.length, total })}</p>}
    </>
  );
  return (
    <div className={`media-panel ${widthOf(entry, runs, logged)}`} ref={place}>
      <Panel
        title={entry.name}
        actions={
          <>
            {steps.length > 0 && <span className="hint num">{t("media.step", { step: formatNumber(steps[position], 9) })}</span>}
            <IconButton icon="expand" label={t("media.enlarge", { name: entry.name })} onClick={() => setLarge(true)} />
          </>
        }
      >
        <div className="media-body">{!large && body}</div>
        {!large && slider}
      </Panel>
      {large && (
        <Dialog title={entry.name} wide onClose={() => setLarge(false)}>
          <div className="media-body large">{body}</div>
          {slider}
        </Dialog>
      )}
    </div>
  );
}

const allOf = (logged: ReadonlyMap<string, Logged[]> | null) => [...(logged?.values() ?? [])].flat();

/** Tables and runs beside each other need more room. */
function widthOf(entry: Entry, runs: readonly Run[], logged: ReadonlyMap<string, Logged[]> | null): string {
  if (runs.length > 1) return "beside";
  return !entry.visual && allOf(logged)[0]?.items[0]?.kind === "table" ? "wide" : "";
}

interface Steps {
  /** All steps at which a run has something, in order. */
  steps: number[];
  position: number;
  /** The step to show; null: the last of each run. */
  step: number | null;
  setStep: (step: number | null) => void;
  move: (position: number) => void;
}

function useSteps(logged: ReadonlyMap<string, Logged[]> | null): Steps {
  const [chosen, setStep] = useStep();
  const steps = useMemo(() => [...new Set(allOf(logged).map((one) => one.step))].sort((a, b) => a - b), [logged]);
  const position = chosen === null ? steps.length - 1 : Math.max(0, steps.findLastIndex((one) => one <= chosen));
  const move = (next: number) => setStep(next >= steps.length - 1 ? null : (steps[Math.max(0, next)] ?? null));
  return { steps, position, step: chosen === null ? null : (steps[position] ?? null), setStep, move };
}

/** The arrow keys, where nothing else takes them. */
function useArrows(isOn: boolean, onMove: (by: number) => void): void {
  const current = useRef(onMove);
  current.current = onMove;
  useEffect(() => {
    if (!isOn) return;
    const onKey = (event: KeyboardEvent) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by !== undefined && (event.target as HTMLElement).tagName !== "INPUT") current.current(by);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [isOn]);
}

function Slider({ name, position, count, onMove }: { name: string; position: number; count: number; onMove: (position: number) => void }): ReactElement {
  return <input type="range" className="media-slider" aria-label={t("media.step.label", { name })} min={0} max={count - 1} value={position} onChange={(event) => onMove(Number(event.target.value))} />;
}
