import { type ReactElement, useMemo, useState } from "react";
import type { Run } from "../api/types";
import { t } from "../messages";
import { isOverlaid } from "../plots/builtin";
import { type Overlaid, VisualOverlay } from "../plots/VisualOverlay";
import { VisualView } from "../plots/VisualView";
import { FilesOf, runFiles } from "./files";
import { HistogramHeat } from "./HistogramView";
import { EVERYTHING, type OverlayChoice } from "./ImageView";
import { type ItemContext, ItemView } from "./ItemView";
import { labelsOf } from "./overlays";
import { OwnerOf } from "./owner";
import { binsOf, type Item } from "./pointer";
import { type Entry, type Logged, loggedAt } from "./useMedia";

interface Props {
  entry: Entry;
  runs: readonly Run[];
  logged: ReadonlyMap<string, Logged[]>;
  /** null: the last of each run. */
  step: number | null;
  onStep: (step: number | null) => void;
  titleOf: ((run: Run) => string) | undefined;
}

/** What runs have under a key at a step: in one plot where that can be, else beside each other. */
export function RunsShown({ entry, runs, logged, step, onStep, titleOf }: Props): ReactElement {
  const [choice, setChoice] = useState<OverlayChoice>(EVERYTHING);
  const { visual } = entry;
  const overlaid = useMemo(() => (visual && runs.length > 1 && isOverlaid(visual) ? overlaidOf(runs, logged, step, titleOf) : []), [visual, runs, logged, step]);
  if (visual && overlaid.length > 1) return <VisualOverlay visual={visual} of={overlaid} />;
  return (
    <div className={runs.length > 1 ? "media-runs" : "media-one"}>
      {runs.filter((run) => runs.length === 1 || (logged.get(run.id)?.length ?? 0) > 0).map((run) => (
        <section key={run.id}>
          {titleOf && <h3>{titleOf(run)}</h3>}
          <OwnerOf value={run}>
            <FilesOf value={runFiles(run.id)}>
              <Shown run={run} entry={entry} logged={logged.get(run.id) ?? []} step={step} onStep={onStep} choice={choice} onChoice={setChoice} />
            </FilesOf>
          </OwnerOf>
        </section>
      ))}
    </div>
  );
}

/** The table of each run that has one. */
function overlaidOf(runs: readonly Run[], logged: ReadonlyMap<string, Logged[]>, step: number | null, titleOf: Props["titleOf"]): Overlaid[] {
  return runs.flatMap((run) => {
    const path = loggedAt(logged.get(run.id) ?? [], step)?.items[0]?.path;
    return path ? [{ run: run.id, title: titleOf?.(run) ?? run.name, path }] : [];
  });
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
