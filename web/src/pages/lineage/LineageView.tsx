import { type ReactElement, useState } from "react";
import type { Lineage, LineageNode } from "../../api/types";
import { Choice, ErrorBox, Loading } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { GraphView } from "../../graph/GraphView";
import { useParam } from "../../lib/router";
import { useNarrow } from "../../lib/theme";
import { t } from "../../messages";
import { NodeDetails } from "./Details";
import { LineageList } from "./List";
import { hidden, type LineageState, type Side, shownAt, useLineage } from "./useLineage";
import { detailOf, iconOf, kindOf, nodeName, titleOf } from "./words";

const WIDTH = 204;
const HEIGHT = 50;
const READ_AT_ONCE = 12;

/** What something was made of and what it led to: as a graph, or as two lists. */
export function LineageView({ project, start }: { project: string; start: string }): ReactElement {
  const narrow = useNarrow();
  const lineage = useLineage(project, start);
  const [view, setView] = useParam("view");
  const [chosen, setChosen] = useState("");
  const { graph } = lineage;
  if (!graph) return lineage.error ? <ErrorBox error={lineage.error} onRetry={lineage.reload} /> : <Loading />;
  const shown = view || (narrow && graph.nodes.length > READ_AT_ONCE ? "list" : "graph");
  const node = graph.nodes.find((one) => one.id === chosen);
  return (
    <section className="lineage" aria-label={t("lineage")}>
      <div className="lineage-bar">
        <span className="hint">{t("lineage.count", { count: graph.nodes.length })}</span>
        {graph.is_cut && <span className="tag warn">{t("lineage.cut")}</span>}
        <span className="lineage-legend wide-only">
          <span>
            <Icon name="database" size={12} /> {t("lineage.data")}
          </span>
          <span>
            <Icon name="play" size={12} /> {t("lineage.run")}
          </span>
          <span>
            <Icon name="cube" size={12} /> {t("lineage.version")}
          </span>
        </span>
        <span className="grow" />
        <Choice label={t("view")} value={shown} options={[["graph", t("view.graph")], ["list", t("view.list")]]} onChange={setView} />
      </div>
      <div className="lineage-body">
        {shown === "list" ? <LineageList project={project} graph={graph} expand={lineage.expand} /> : <Drawing graph={graph} narrow={narrow} chosen={chosen} onOpen={(id) => setChosen(id === chosen ? "" : id)} />}
        {shown === "graph" && node && <NodeDetails key={node.id} project={project} graph={graph} node={node} expand={lineage.expand} onClose={() => close(node, setChosen)} />}
      </div>
    </section>
  );
}

function close(node: LineageNode, setChosen: (id: string) => void): void {
  setChosen("");
  requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-node="${CSS.escape(node.id)}"]`)?.focus({ preventScroll: true }));
}

function Drawing({ graph, narrow, chosen, onOpen }: { graph: Lineage; narrow: boolean; chosen: string; onOpen: (id: string) => void }): ReactElement {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const nodeOf = (id: string) => byId.get(id) as LineageNode;
  return (
    <GraphView
      label={t("lineage.graph")}
      boxes={graph.nodes.map((node) => ({ id: node.id, width: WIDTH, height: HEIGHT }))}
      edges={graph.links.map((link) => ({ from: link.source, to: link.target }))}
      direction={narrow ? "down" : "right"}
      focus={graph.start}
      selected={chosen}
      onOpen={onOpen}
      nameOf={(id) => nodeName(nodeOf(id))}
      classOf={(id) => nodeClass(graph, nodeOf(id))}
    >
      {(id) => <NodeBox node={nodeOf(id)} />}
    </GraphView>
  );
}

/** A dot at the side where there is more to see, or where nothing is shown and nobody has looked. */
function nodeClass(graph: Lineage, node: LineageNode): string {
  const isOpen = (side: Side) => hidden(graph, node, side) ?? (shownAt(graph, node, side) ? 0 : 1);
  const more = (["above", "below"] as const).filter((side) => isOpen(side) > 0).map((side) => `more-${side}`);
  return [`line-${node.kind}`, node.id === graph.start ? "line-start" : "", node.aliases.includes("production") ? "line-live" : "", ...more].filter(Boolean).join(" ");
}

function NodeBox({ node }: { node: LineageNode }): ReactElement {
  return (
    <>
      <span className={`stage-sign line-sign${node.status ? ` run-${node.status}` : ""}`} title={kindOf(node)}>
        <Icon name={iconOf(node)} size={12} />
      </span>
      <span className="node-text">
        <span className="node-name">{titleOf(node)}</span>
        <span className="node-more">{[node.kind === "version" && node.type, detailOf(node)].filter(Boolean).join(" · ")}</span>
      </span>
    </>
  );
}

export type Expand = LineageState["expand"];
