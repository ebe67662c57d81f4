import { type ReactElement, useMemo } from "react";
import { Icon } from "../components/Icon";
import { formatSize, toNumber } from "../lib/format";
import { t } from "../messages";
import { useFiles } from "./files";
import type { Item } from "./pointer";
import { useText } from "./useFile";

const LOOKED_AT = 4_000_000; // bytes of a page in which scripts of other hosts are looked for
const FOREIGN = /<script\b[^>]*?\bsrc\s*=\s*["']?((?:https?:)?\/\/[^"'\s>]+)/gi;

/** A page that was logged, apart from ours and without network; what it wants from elsewhere is named. */
export function HtmlView({ item, name }: { item: Item; name: string }): ReactElement {
  const files = useFiles();
  const size = toNumber(item.facts["size"]);
  const text = useText(size === null || size > LOOKED_AT ? "" : item.path).data;
  const hosts = useMemo(() => [...new Set([...(text ?? "").matchAll(FOREIGN)].map((match) => hostOf(match[1] ?? "")))].filter(Boolean), [text]);
  return (
    <>
      {hosts.length > 0 && (
        <p className="notice warn">
          <Icon name="warning" /> {t("media.html.foreign", { hosts: hosts.join(", ") })}{" "}
          <a href={files.url(item.path)} download={item.path.split("/").at(-1)}>
            {t("download")} {size !== null && `(${formatSize(size)})`}
          </a>
        </p>
      )}
      <iframe title={name} sandbox="allow-scripts" src={`${files.url(item.path)}?sandboxed=true`} />
    </>
  );
}

function hostOf(address: string): string {
  try {
    return new URL(address, "https://none").host;
  } catch {
    return "";
  }
}
