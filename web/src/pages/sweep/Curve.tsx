import { type ReactElement, useMemo } from "react";
import type { Sweep } from "../../api/sweeps";
import { toNumber } from "../../lib/format";
import { navigate, to } from "../../lib/router";
import { t } from "../../messages";
import { VegaView } from "../../vega/VegaView";

const HEIGHT = 280;
const MANY = 3000;

/** The value of each trial, and the best until then. */
export function Curve({ sweep }: { sweep: Sweep }): ReactElement {
  const spec = useMemo(() => {
    const names = new Map(sweep.trials.map((trial) => [trial.number, trial.name]));
    const values = sweep.curve.map((point, at) => ({ order: at + 1, trial: names.get(point.number) || String(point.number), run: point.run, value: finite(point.value), best: finite(point.best) }));
    const x = { field: "order", type: "quantitative", title: t("sweep.trials"), axis: { tickMinStep: 1 } };
    const y = { type: "quantitative", title: sweep.metric?.name ?? t("sweep.value"), scale: { zero: false } };
    const tooltip = [{ field: "trial", title: t("sweep.trial") }, { field: "value", title: t("sweep.value") }, { field: "best", title: t("sweep.best") }];
    return {
      data: { values },
      layer: [
        { mark: { type: "point", filled: true, size: 34, opacity: 0.45 }, encoding: { x, y: { ...y, field: "value" }, tooltip } },
        { mark: { type: "line", interpolate: "step-after", strokeWidth: 2 }, encoding: { x, y: { ...y, field: "best" } } },
      ],
    };
  }, [sweep.curve, sweep.trials, sweep.metric]);
  if (sweep.curve.length === 0) return <p className="hint">{t("sweep.curve.none")}</p>;
  return <VegaView spec={spec} height={HEIGHT} label={t("sweep.curve")} many={sweep.curve.length > MANY} onPick={(datum) => typeof datum["run"] === "string" && navigate(to.run(datum["run"]))} />;
}

function finite(value: unknown): number | null {
  const number = toNumber(value);
  return number !== null && Number.isFinite(number) ? number : null;
}
