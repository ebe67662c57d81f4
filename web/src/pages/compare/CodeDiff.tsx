import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../../api/client";
import type { FileChange, Run } from "../../api/types";
import { CopyButton, ErrorBox, Loading } from "../../components/basic";
import { FileDiff } from "../../components/FileDiff";
import { Icon } from "../../components/Icon";
import { fromHunks } from "../../lib/diff";
import { type Key, t } from "../../messages";

const OPEN = 6;

interface Props {
  before: string;
  after: string;
  /** Which of the files that differ are shown at once; the others stand behind a button. */
  wanted: (file: FileChange) => boolean;
}

/** How the code of two runs differs, file by file: commits and uncommitted changes taken together. */
export function CodeDiff({ before, after, wanted }: Props): ReactElement {
  const found = useQuery({
    queryKey: ["code", before, after],
    queryFn: ({ signal }) => api.codeChanges(after, before, signal),
    staleTime: 60_000,
  });
  if (!found.data) return found.error ? <ErrorBox error={found.error} onRetry={() => void found.refetch()} /> : <Loading />;
  const { files, total, reason } = found.data;
  if (reason)
    return (
      <p className="notice warn">
        <Icon name="warning" /> {t("code.unknown", { reason })}
      </p>
    );
  if (files.length === 0) return <p className="hint">{t("code.same")}</p>;
  const first = files.filter(wanted);
  const rest = files.filter((file) => !wanted(file));
  return (
    <div className="stack">
      {first.map((file, at) => (
        <OneFile key={file.path} file={file} open={at < OPEN} />
      ))}
      {rest.length > 0 && (
        <details className="more-files">
          <summary>{t("code.others", { count: rest.length })}</summary>
          <div className="stack">
            {rest.map((file) => (
              <OneFile key={file.path} file={file} open={false} />
            ))}
          </div>
        </details>
      )}
      {total > files.length && <p className="hint">{t("code.first", { count: files.length, total })}</p>}
    </div>
  );
}

function OneFile({ file, open }: { file: FileChange; open: boolean }): ReactElement {
  const words = [
    file.change === "+" ? t("datasets.added") : file.change === "-" ? t("datasets.removed") : "",
    file.note && t(`code.note.${file.note.replaceAll(" ", "")}` as Key),
    file.is_used ? "" : t("why.unused"),
  ];
  return <FileDiff file={fromHunks(file.path, file.diff)} open={open && file.is_used && file.change !== "-"} note={words.filter(Boolean).join(" · ")} />;
}

/** Where the code of a run stood. */
export function CommitOf({ run }: { run: Run }): ReactElement {
  const { code } = run;
  if (!code?.commit) return <span className="hint">{t("code.none")}</span>;
  return (
    <span className="with-copy">
      <code>{code.commit.slice(0, 10)}</code>
      <CopyButton text={code.commit} />
      {code.branch && <span className="hint">{code.branch}</span>}
      {code.dirty && <span className="tag warn">{t("fact.dirty")}</span>}
    </span>
  );
}
