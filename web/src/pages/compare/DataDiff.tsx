import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../../api/client";
import type { DatasetFile, FileItem } from "../../api/types";
import { describe, Link, Loading } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { formatSize, shortDigest } from "../../lib/format";
import type { DataVersion } from "../../lib/inputs";
import { Makers } from "../why/Makers";
import { TABLE, TableNote } from "../dataset/TableNote";
import { to } from "../../lib/router";
import { t } from "../../messages";

const SHOWN = 100;
const TABLES = 12; // of a folder, whose rows and columns are counted

interface Props {
  project: string;
  path: string;
  before: DataVersion | undefined;
  after: DataVersion | undefined;
}

/** How one input of two runs differs: its versions, and where they are here, their files, rows and columns. */
export function DataDiff({ project, path, before, after }: Props): ReactElement {
  const shown = after ?? before;
  const isFolder = Boolean(shown?.version.endsWith(".dir"));
  const comparable = Boolean(before?.tracked && after?.tracked && before.version && after.version && before.version !== after.version);
  return (
    <section className="panel data-diff" aria-label={path}>
      <header className="panel-head">
        <Icon name={shown?.artifact ? "cube" : "database"} size={14} />
        <h3>{shown?.tracked ? <Link to={to.dataset(project, path, shown.version)}>{path}</Link> : shown?.artifact ? <Link to={to.artifact(project, path, shown.version.slice(1))}>{path}</Link> : path}</h3>
        <span className="hint nowrap">
          <VersionText version={before} /> → <VersionText version={after} />
        </span>
      </header>
      {before?.artifact && after?.artifact && before.version !== after.version && <VersionDiff project={project} name={path} before={before.version} after={after.version} />}
      {comparable && before && after && <Makers project={project} path={path} before={before.version} after={after.version} />}
      {comparable && before && after && (isFolder ? <FolderDiff project={project} before={before.version} after={after.version} /> : <TableNote project={project} before={before.version} after={after.version} path="" name={path} />)}
    </section>
  );
}

function VersionText({ version }: { version: DataVersion | undefined }): ReactElement {
  if (!version) return <span>{t("data.notread")}</span>;
  return (
    <>
      <code title={version.version}>{version.artifact ? version.version : shortDigest(version.version) || "?"}</code>
      {version.changed && <span className="tag warn">{t("datasets.changed")}</span>}
    </>
  );
}

/** The files of two versions of tracked data. */
function FolderDiff({ project, before, after }: { project: string; before: string; after: string }): ReactElement {
  const found = useQuery({
    queryKey: ["dataset-tree", project, after, before, 1000],
    queryFn: ({ signal }) => api.datasetTree(project, after, before, 1000, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!found.data) return found.error ? <p className="panel-body hint">{describe(found.error).join(" ")}</p> : <Loading />;
  const { files, added, removed, changed, total } = found.data;
  const tables = new Set(files.filter((file) => file.change === "~" && TABLE.test(file.path)).slice(0, TABLES));
  return (
    <FileChanges files={files.filter((file) => file.change)} counts={[added, removed, changed]} total={total}>
      {(file) => tables.has(file) && <TableNote project={project} before={before} after={after} path={file.path} name={file.path} />}
    </FileChanges>
  );
}

/** The files of two versions of an artifact. */
function VersionDiff({ project, name, before, after }: { project: string; name: string; before: string; after: string }): ReactElement {
  const versionOf = (ref: string) => ({
    queryKey: ["version", project, name, ref],
    queryFn: ({ signal }: { signal: AbortSignal }) => api.version(project, name, ref, signal),
  });
  const [old, now] = [useQuery(versionOf(before)), useQuery(versionOf(after))];
  const error = old.error ?? now.error;
  if (!old.data || !now.data) return error ? <p className="panel-body hint">{describe(error).join(" ")}</p> : <Loading />;
  const files = changes(old.data.entries ?? [], now.data.entries ?? []);
  const count = (sign: string) => files.filter((file) => file.change === sign).length;
  return (
    <FileChanges files={files} counts={[count("+"), count("-"), count("~")]} total={now.data.files}>
      {() => false}
    </FileChanges>
  );
}

/** What came, went and changed between two lists of files. */
function changes(before: readonly FileItem[], after: readonly FileItem[]): FileRowItem[] {
  const [old, now] = [new Map(before.map((file) => [file.path, file])), new Map(after.map((file) => [file.path, file]))];
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((path) => {
    const [was, is] = [old.get(path), now.get(path)];
    if (was?.digest === is?.digest) return [];
    return [{ path, size: is?.size ?? null, change: !was ? "+" : !is ? "-" : "~" } as const];
  });
}

type FileRowItem = Pick<DatasetFile, "path" | "size" | "change">;

function FileChanges<F extends FileRowItem>({ files, counts, total, children }: { files: readonly F[]; counts: readonly [number, number, number]; total: number; children: (file: F) => ReactElement | false }): ReactElement {
  const [added, removed, changed] = counts;
  const hidden = added + removed + changed - Math.min(files.length, SHOWN);
  return (
    <>
      <p className="panel-body data-counts">
        <span className="plus">+{added}</span> <span className="minus">−{removed}</span> <span className="tilde">~{changed}</span> <span className="hint">{t("data.files.of", { count: total })}</span>
      </p>
      <ul className="file-changes">
        {files.slice(0, SHOWN).map((file) => (
          <FileRow key={file.path} file={file}>
            {children(file)}
          </FileRow>
        ))}
      </ul>
      {hidden > 0 && <p className="panel-body hint">{t("datasets.more", { count: hidden })}</p>}
    </>
  );
}

const SIGNS = { "+": "added", "-": "removed", "~": "changed", "": "" } as const;

function FileRow({ file, children }: { file: FileRowItem; children: ReactElement | false }): ReactElement {
  return (
    <li className={`tree-${SIGNS[file.change]}`}>
      <span className="tree-sign">{file.change === "-" ? "−" : file.change}</span>
      <span className="file-path">{file.path}</span>
      <span className="hint nowrap">{file.size !== null && formatSize(file.size)}</span>
      {children}
    </li>
  );
}
