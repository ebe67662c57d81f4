import { type ReactElement, useMemo } from "react";
import type { Stage } from "../../api/types";
import { GraphView } from "../../graph/GraphView";
import type { Direction } from "../../graph/place";
import { t } from "../../messages";
import { StageSign, stageName, statusClass, statusText, Took } from "./status";

interface Props {
  stages: readonly Stage[];
  matches: ReadonlySet<string>;
  selected: string;
  down: boolean;
  onOpen: (name: string) => void;
}

const WIDTH = 196;
const HEIGHT = 50;

/** Stages as boxes in layers. */
export function StageGraph({ stages, matches, selected, down, onOpen }: Props): ReactElement {
  const byName = useMemo(() => new Map(stages.map((stage) => [stage.name, stage])), [stages]);
  const boxes = stages.map((stage) => ({ id: stage.name, width: WIDTH, height: HEIGHT }));
  const edges = stages.flatMap((stage) => stage.needs.map((from) => ({ from, to: stage.name })));
  const focus = stages.find((stage) => stage.status === "failed") ?? stages.find((stage) => stage.status === "running") ?? stages[0];
  const direction: Direction = down ? "down" : "right";
  return (
    <GraphView
      label={t("pipeline.graph")}
      boxes={boxes}
      edges={edges}
      direction={direction}
      focus={focus?.name ?? ""}
      selected={selected}
      onOpen={onOpen}
      nameOf={(id) => {
        const stage = byName.get(id);
        return stage ? stageName(stage) : id;
      }}
      classOf={(id) => {
        const stage = byName.get(id);
        return `${stage ? statusClass(stage.status) : ""} node-${stage?.kind ?? "stage"}${matches.has(id) ? "" : " dim"}`;
      }}
    >
      {(id) => {
        const stage = byName.get(id);
        return stage && <StageBox stage={stage} />;
      }}
    </GraphView>
  );
}

function StageBox({ stage }: { stage: Stage }): ReactElement {
  return (
    <>
      <StageSign status={stage.status} />
      <span className="node-text">
        <span className="node-name">{stage.name}</span>
        <span className="node-more">
          {statusText(stage.status)}
          {stage.began > 0 && (
            <>
              {" · "}
              <Took began={stage.began} ended={stage.ended} />
            </>
          )}
        </span>
      </span>
    </>
  );
}
