import type { LineageNode } from "../../api/types";
import type { IconName } from "../../components/Icon";
import { formatTime, shortDigest } from "../../lib/format";
import { to } from "../../lib/router";
import { aliasName } from "../artifact/AliasTag";
import { type Key, t } from "../../messages";

/** The second line of a node. */
export function detailOf(node: LineageNode): string {
  if (node.kind === "data") return [folderOf(node.name), shortDigest(node.version)].filter(Boolean).join(" · ");
  if (node.kind === "version") return [node.project, ...node.aliases.map(aliasName)].filter(Boolean).join(" · ");
  return [node.project, node.status && t(`status.${node.status}` as Key), node.at > 0 && formatTime(node.at).slice(5, 16)].filter(Boolean).join(" · ");
}

const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);

export const kindOf = (node: LineageNode): string => (node.kind === "version" ? node.type || t("lineage.version") : node.kind === "run" ? t(node.stage ? "lineage.stage" : "lineage.run") : t("lineage.data"));

export const titleOf = (node: LineageNode): string => (node.kind === "data" ? node.name.slice(node.name.lastIndexOf("/") + 1) : node.title || node.name.slice(0, 8));

export const iconOf = (node: LineageNode): IconName => (node.kind === "data" ? "database" : node.kind === "run" ? "play" : "cube");

export function pageOf(project: string, node: LineageNode): string {
  if (node.kind === "run") return to.run(node.name);
  if (node.kind === "data") return to.dataset(project, node.name, node.version);
  return to.artifact(node.project || project, node.title.slice(0, node.title.lastIndexOf(":")), node.version.slice(1));
}

/** What a screen reader says of a node. */
export const nodeName = (node: LineageNode): string => [`${kindOf(node)} ${titleOf(node)}`, detailOf(node)].filter(Boolean).join(", ");
