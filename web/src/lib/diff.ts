/** A unified diff as files with numbered lines. */

export interface DiffLine {
  kind: "same" | "added" | "removed" | "hunk" | "note";
  before: number | null;
  after: number | null;
  text: string;
}

export interface DiffFile {
  path: string;
  added: number;
  removed: number;
  lines: DiffLine[];
}

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

export function parseDiff(text: string): DiffFile[] {
  const files: DiffFile[] = [];
  let file: DiffFile | undefined;
  let [before, after, inHunk] = [0, 0, false];
  for (const line of text.split("\n")) {
    if (line.startsWith("diff --git ")) {
      file = { path: pathIn(line), added: 0, removed: 0, lines: [] };
      files.push(file);
      inHunk = false;
      continue;
    }
    const hunk = HUNK.exec(line);
    if (!file) continue;
    if (hunk) {
      [before, after, inHunk] = [Number(hunk[1]), Number(hunk[2]), true];
      file.lines.push({ kind: "hunk", before: null, after: null, text: line });
    } else if (!inHunk) {
      if (line.startsWith("+++ ") && !line.endsWith("/dev/null")) file.path = unquote(line.slice(4)).replace(/^b\//, "");
      else if (/^(new file|deleted file|rename |Binary files|similarity)/.test(line)) file.lines.push({ kind: "note", before: null, after: null, text: line });
    } else if (line.startsWith("+")) {
      file.added += 1;
      file.lines.push({ kind: "added", before: null, after: after++, text: line.slice(1) });
    } else if (line.startsWith("-")) {
      file.removed += 1;
      file.lines.push({ kind: "removed", before: before++, after: null, text: line.slice(1) });
    } else if (line.startsWith(" ")) file.lines.push({ kind: "same", before: before++, after: after++, text: line.slice(1) });
    else if (line.startsWith("\\")) file.lines.push({ kind: "note", before: null, after: null, text: line.slice(2) });
  }
  return files;
}

/** One file from the hunks of its diff. */
export function fromHunks(path: string, hunks: string): DiffFile {
  const file = parseDiff(`diff --git a/- b/-\n${hunks}`)[0];
  return { path, added: file?.added ?? 0, removed: file?.removed ?? 0, lines: file?.lines ?? [] };
}

function pathIn(header: string): string {
  const rest = header.slice("diff --git ".length);
  const quoted = / ("b\/.*")$/.exec(rest);
  if (quoted?.[1]) return unquote(quoted[1]).replace(/^b\//, "");
  const middle = rest.indexOf(" b/");
  return middle < 0 ? rest : rest.slice(middle + 3);
}

/** Git writes unusual names in quotation marks, their bytes as octal escapes. */
function unquote(name: string): string {
  const body = name.replace(/\t$/, "");
  if (!body.startsWith('"') || !body.endsWith('"')) return body;
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  const inner = body.slice(1, -1);
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] !== "\\") bytes.push(...encoder.encode(inner[i]));
    else if (/^[0-7]{3}/.test(inner.slice(i + 1))) {
      bytes.push(Number.parseInt(inner.slice(i + 1, i + 4), 8));
      i += 3;
    } else {
      const sign = inner[++i] ?? "";
      bytes.push(...encoder.encode({ n: "\n", t: "\t", r: "\r" }[sign] ?? sign));
    }
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
