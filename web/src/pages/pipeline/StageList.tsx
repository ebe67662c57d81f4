import type { ReactElement } from "react";
import type { Stage } from "../../api/types";
import { formatTime } from "../../lib/format";
import { t } from "../../messages";
import { StageBadge, statusClass, Took } from "./status";

interface Props {
  stages: readonly Stage[];
  matches: ReadonlySet<string>;
  selected: string;
  onOpen: (name: string) => void;
}

/** The same stages as a table, in the order in which they run. */
export function StageList({ stages, matches, selected, onOpen }: Props): ReactElement {
  return (
    <div className="stage-list" role="region" aria-label={t("pipeline.list")} tabIndex={0}>
      <table className="data-table">
        <thead>
          <tr>
            <th>{t("pipeline.stage")}</th>
            <th>{t("column.status")}</th>
            <th className="right">{t("fact.duration")}</th>
            <th className="wide-only">{t("pipeline.needs")}</th>
            <th className="wide-only">{t("pipeline.began")}</th>
          </tr>
        </thead>
        <tbody>
          {stages
            .filter((stage) => matches.has(stage.name))
            .map((stage) => (
              <tr key={stage.name} className={`${statusClass(stage.status)}${stage.name === selected ? " current" : ""}`}>
                <td>
                  <button type="button" className="link-button" data-node={stage.name} aria-pressed={stage.name === selected} onClick={() => onOpen(stage.name)}>
                    {stage.name}
                  </button>
                </td>
                <td>
                  <StageBadge status={stage.status} />
                </td>
                <td className="right">
                  <Took began={stage.began} ended={stage.ended} />
                </td>
                <td className="wide-only hint">{stage.needs.join(", ")}</td>
                <td className="wide-only hint nowrap">{formatTime(stage.began)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
