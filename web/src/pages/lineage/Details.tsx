import { type ReactElement, useState } from "react";
import type { Lineage, LineageNode } from "../../api/types";
import { CopyButton, Facts, Link, StatusBadge } from "../../components/basic";
import { Drawer } from "../../components/Drawer";
import { Icon } from "../../components/Icon";
import { formatTime } from "../../lib/format";
import { to } from "../../lib/router";
import { t } from "../../messages";
import { AliasTag } from "../artifact/AliasTag";
import type { Expand } from "./LineageView";
import { hidden, type Side } from "./useLineage";
import { kindOf, pageOf, titleOf } from "./words";

interface Props {
  project: string;
  graph: Lineage;
  node: LineageNode;
  expand: Expand;
  onClose: () => void;
}

/** What a node is, where to read more, and what lies beyond it. */
export function NodeDetails({ project, graph, node, expand, onClose }: Props): ReactElement {
  const facts = (
    <>
      <span className="tag">{kindOf(node)}</span>
      {node.status && <StatusBadge status={node.status} />}
      {node.aliases.map((alias) => (
        <AliasTag key={alias} alias={alias} />
      ))}
    </>
  );
  return (
    <Drawer title={titleOf(node)} facts={facts} className="lineage-drawer" onClose={onClose}>
      <Facts
        facts={[
          ["table.path", node.kind === "data" && node.name],
          ["table.version", node.kind !== "run" && <Copied text={node.version} />],
          ["fact.id", node.kind === "run" && <Copied text={node.name} />],
          ["fact.created", node.at > 0 && formatTime(node.at)],
        ]}
      />
      <div className="panel-body lineage-actions">
        <Link to={pageOf(project, node)} className="button primary">
          {t("lineage.open")} <Icon name="right" size={12} />
        </Link>
        {node.id !== graph.start && (
          <Link to={to.lineage(project, node.id)} className="button">
            <Icon name="graph" size={14} /> {t("lineage.from.here")}
          </Link>
        )}
        {(["above", "below"] as const).map((side) => (
          <More key={side} graph={graph} node={node} side={side} expand={expand} />
        ))}
      </div>
    </Drawer>
  );
}

function Copied({ text }: { text: string }): ReactElement {
  return (
    <span className="with-copy">
      <code>{text}</code>
      <CopyButton text={text} />
    </span>
  );
}

/** Shows what lies one step further; says how much stays out of sight. */
export function More({ graph, node, side, expand }: { graph: Lineage; node: LineageNode; side: Side; expand: Expand }): ReactElement | null {
  const [busy, setBusy] = useState(false);
  const left = hidden(graph, node, side);
  if (left === 0) return null;
  if (left !== null) return <span className="hint">{t(`lineage.hidden.${side}`, { count: left })}</span>;
  return (
    <button
      type="button"
      className="button"
      disabled={busy}
      onClick={() => {
        setBusy(true);
        void expand(node.id, side).finally(() => setBusy(false));
      }}
    >
      <Icon name="plus" size={12} /> {t(`lineage.more.${side}`)}
    </button>
  );
}
