import type { ReactElement } from "react";
import type { DiffFile } from "../lib/diff";
import { Icon } from "./Icon";

const SHOWN = 3000;

/** One file of a diff with numbered lines. */
export function FileDiff({ file, open = true, note }: { file: DiffFile; open?: boolean; note?: string | undefined }): ReactElement {
  return (
    <details className="panel diff" open={open}>
      <summary>
        <Icon name="file" size={14} />
        <code>{file.path}</code>
        {note && <span className="hint">{note}</span>}
        <span className="grow" />
        <span className="plus">+{file.added}</span>
        <span className="minus">−{file.removed}</span>
      </summary>
      {file.lines.length > 0 && (
        <div className="diff-body" tabIndex={0} role="region" aria-label={file.path}>
          <table>
            <tbody>
              {file.lines.slice(0, SHOWN).map((line, at) => (
                <tr key={at} className={`diff-${line.kind}`}>
                  <td className="diff-n">{line.before ?? ""}</td>
                  <td className="diff-n">{line.after ?? ""}</td>
                  <td className="diff-sign">{line.kind === "added" ? "+" : line.kind === "removed" ? "−" : ""}</td>
                  <td className="diff-text">{line.text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
