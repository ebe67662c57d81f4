import { type ReactElement, useMemo, useState } from "react";
import { ErrorBox, Loading } from "../components/basic";
import { formatSize, toNumber } from "../lib/format";
import { t } from "../messages";
import { FilesOf, useFiles } from "./files";
import type { Item } from "./pointer";
import { tableOf } from "./table";
import { useTableArtifact } from "./tableArtifact";
import { TableView } from "./TableView";
import { useJsons } from "./useFile";

const LARGE = 48_000_000; // bytes that a browser should not read unasked

/** A logged table, from the artifact that W&B's client logs beside it where there is one. */
export function TableFile({ item, name }: { item: Item; name: string }): ReactElement {
  const files = useFiles();
  const copy = useTableArtifact(name, item);
  if (copy === null) return <Loading />;
  const paths = copy?.paths ?? [item.path];
  return (
    <FilesOf value={copy?.files ?? files}>
      <Loaded paths={paths} size={(toNumber(item.facts["size"]) ?? 0) * paths.length} name={name} />
    </FilesOf>
  );
}

/** The rows of files one after the other; `size` is about what they have in all. */
function Loaded({ paths, size, name }: { paths: readonly string[]; size: number; name: string }): ReactElement {
  const files = useFiles();
  const [asked, setAsked] = useState(size < LARGE);
  const { data, error, retry } = useJsons(asked ? paths : []);
  const table = useMemo(() => (data === null || data.length === 0 ? null : tableOf(data)), [data]);
  if (!asked)
    return (
      <p className="hint">
        {t("media.large", { size: formatSize(size) })}{" "}
        <button type="button" className="link-button" onClick={() => setAsked(true)}>
          {t("media.large.show")}
        </button>{" "}
        {paths.map((path) => (
          <a key={path} href={files.url(path)} download>{t("download")}</a>
        ))}
      </p>
    );
  if (error) return <ErrorBox error={error} onRetry={retry} />;
  return table ? <TableView table={table} name={name} /> : <Loading />;
}
