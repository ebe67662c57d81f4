import { type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import type { Run } from "../api/types";
import { ErrorBox, IconButton, Loading, Panel } from "../components/basic";
import { Dialog } from "../components/overlay";
import { formatNumber } from "../lib/format";
import { useNear } from "../lib/near";
import { t } from "../messages";
import { VisualView } from "../plots/VisualView";
import { FilesOf, runFiles } from "./files";
import { HistogramHeat } from "./HistogramView";
import { EVERYTHING, type OverlayChoice } from "./ImageView";
import { type ItemContext, ItemView } from "./ItemView";
import { labelsOf } from "./overlays";
import { OwnerOf } from "./owner";
import { binsOf, type Item } from "./pointer";
import { useStep } from "./stepping";
import { type Entry, type Logged, loggedAt, useLogged } from "./useMedia";

interface Props {
  entry: Entry;
  runs: readonly Run[];
  /** What runs are called beside each other. */
  titleOf?: ((run: Run) => string) | undefined;
}

const WIDE = new Set(["table"]);

/** What one or several runs logged under a key, at a step that is chosen below. */
export function MediaPanel({ entry, runs, titleOf }: Props): ReactElement {
  const [place, near] = useNear<HTMLDivElement>();
  const [seen, setSeen] = useState(false);
  if (near && !seen) setSeen(true); // what was shown once stays: pages do not jump
  const { logged, total, error, retry } = useLogged(runs, entry.key, seen);
  const [step, setStep] = useStep();
  const [choice, setChoice] = useState<OverlayChoice>(EVERYTHING);
  const [large, setLarge] = useState(false);
  const steps = useMemo(() => [...new Set([...(logged?.values() ?? [])].flat().map((one) => one.step))].sort((a, b) => a - b), [logged]);
  const position = step === null ? steps.length - 1 : Math.max(0, steps.findLastIndex((one) => one <= step));
  const at = steps[position] ?? 0;
  const move = (next: number) => setStep(next >= steps.length - 1 ? null : (steps[Math.max(0, next)] ?? null));
  const kind = [...(logged?.values() ?? [])].flat()[0]?.items[0]?.kind;
  const body = error ? (
    <ErrorBox error={error} onRetry={retry} />
  ) : logged === null ? (
    <Loading />
  ) : (
    <div className={runs.length > 1 ? "media-runs" : "media-one"}>
      {runs.filter((run) => runs.length === 1 || (logged.get(run.id)?.length ?? 0) > 0).map((run) => (
        <section key={run.id}>
          {titleOf && <h3>{titleOf(run)}</h3>}
          <OwnerOf value={run}>
            <FilesOf value={runFiles(run.id)}>
              <Shown run={run} entry={entry} logged={logged.get(run.id) ?? []} step={step === null ? null : at} onStep={setStep} choice={choice} onChoice={setChoice} />
            </FilesOf>
          </OwnerOf>
        </section>
      ))}
    </div>
  );
  const slider = steps.length > 1 && (
    <>
      <Slider name={entry.name} position={position} count={steps.length} onMove={move} />
      {total > 0 && <p className="hint media-sampled">{t("media.sampled", { count: steps.length, total })}</p>}
    </>
  );
  useArrows(large, (by) => move(position + by));
  return (
    <div className={runs.length > 1 ? "media-panel beside" : kind && WIDE.has(kind) && !entry.visual ? "media-panel wide" : "media-panel"} ref={place}>
      <Panel
        title={entry.name}
        actions={
          <>
            {steps.length > 0 && <span className="hint num">{t("media.step", { step: formatNumber(at, 9) })}</span>}
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

interface ShownProps {
  run: Run;
  entry: Entry;
  logged: readonly Logged[];
  step: number | null;
  onStep: (step: number | null) => void;
  choice: OverlayChoice;
  onChoice: (choice: OverlayChoice) => void;
}

/** What one run has at the step. */
function Shown({ run, entry, logged, step, onStep, choice, onChoice }: ShownProps): ReactElement {
  const labels = useMemo(() => ({ boxes: labelsOf(run, entry.key, "bounding_box"), masks: labelsOf(run, entry.key, "mask") }), [run, entry.key]);
  const found = loggedAt(logged, step);
  const [first] = found?.items ?? [];
  if (!found || !first) return <p className="hint">{t("media.nothing")}</p>;
  if (entry.visual) return <VisualView visual={entry.visual} item={first} runName={run.name} />;
  return (
    <>
      {first.kind === "histogram" && <Heat logged={logged} step={found.step} onStep={onStep} />}
      <Items items={found.items} name={entry.key} context={{ labels, choice, onChoice }} />
    </>
  );
}

function Heat({ logged, step, onStep }: { logged: readonly Logged[]; step: number; onStep: (step: number | null) => void }): ReactElement | null {
  const points = useMemo(
    () => logged.flatMap((one) => {
      const bins = one.items[0] ? binsOf(one.items[0].facts) : null;
      return bins ? [{ step: one.step, bins }] : [];
    }),
    [logged],
  );
  return points.length > 1 ? <HistogramHeat points={points} step={step} onStep={onStep} /> : null;
}

const FIRST = 12;

/** One thing as it is, several in a grid. */
function Items({ items, name, context }: { items: readonly Item[]; name: string; context: ItemContext }): ReactElement {
  const [limit, setLimit] = useState(FIRST);
  const [only] = items;
  if (items.length === 1 && only) return <ItemView item={only} name={name} context={context} />;
  return (
    <>
      <div className="media-list">
        {items.slice(0, limit).map((item, at) => (
          <ItemView key={at} item={item} name={`${name} ${at + 1}`} context={context} />
        ))}
      </div>
      {items.length > limit && (
        <button type="button" className="button" onClick={() => setLimit(limit * 4)}>
          {t("charts.more", { count: items.length - limit })}
        </button>
      )}
    </>
  );
}
