import type { ReactElement } from "react";
import type { Lineage, LineageNode } from "../../api/types";
import { Link, Panel } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { t } from "../../messages";
import { More } from "./Details";
import type { Expand } from "./LineageView";
import type { Side } from "./useLineage";
import { detailOf, iconOf, kindOf, pageOf, titleOf } from "./words";

interface Props {
  project: string;
  graph: Lineage;
  expand: Expand;
}

interface Branch {
  node: LineageNode;
  branches: Branch[];
}

/** The same graph as two lists: what it was made of, and what it led to. */
export function LineageList({ project, graph, expand }: Props): ReactElement {
  return (
    <div className="lineage-list" tabIndex={0} role="region" aria-label={t("lineage")}>
      {(["above", "below"] as const).map((side) => (
        <Panel key={side} title={t(`lineage.${side}`)}>
          <Branches project={project} graph={graph} side={side} expand={expand} root={treeOf(graph, side)} />
        </Panel>
      ))}
    </div>
  );
}

function Branches({ project, graph, side, expand, root }: Props & { side: Side; root: Branch | undefined }): ReactElement {
  const nested = (branch: Branch): ReactElement => (
    <ul className="lineage-tree">
      {branch.branches.map(({ node, branches }) => (
        <li key={node.id}>
          <span className="lineage-item">
            <Icon name={iconOf(node)} size={12} />
            <Link to={pageOf(project, node)}>{titleOf(node)}</Link>
            <span className="hint">
              {[kindOf(node), detailOf(node)].filter(Boolean).join(" · ")}
            </span>
            <More graph={graph} node={node} side={side} expand={expand} />
          </span>
          {branches.length > 0 && nested({ node, branches })}
        </li>
      ))}
    </ul>
  );
  if (!root || root.branches.length === 0) return <p className="panel-body hint">{t(`lineage.none.${side}`)}</p>;
  return <div className="panel-body">{nested(root)}</div>;
}

/** Everything on one side of the start, each thing once, under what it was reached by first. */
function treeOf(graph: Lineage, side: Side): Branch | undefined {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const start = byId.get(graph.start);
  if (!start) return undefined;
  const root: Branch = { node: start, branches: [] };
  const seen = new Set([start.id]);
  const layer = [root];
  for (let branch = layer.shift(); branch; branch = layer.shift())
    for (const link of graph.links) {
      const [from, to] = side === "above" ? [link.target, link.source] : [link.source, link.target];
      const node = byId.get(to);
      if (from !== branch.node.id || !node || seen.has(to)) continue;
      seen.add(to);
      const next: Branch = { node, branches: [] };
      branch.branches.push(next);
      layer.push(next);
    }
  return root;
}
