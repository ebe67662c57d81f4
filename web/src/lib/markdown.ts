/** The common part of Markdown as plain values; whoever draws them makes elements, never markup. */

export type Inline =
  | { kind: "text" | "code"; text: string }
  | { kind: "strong" | "emphasis" | "deleted"; parts: Inline[] }
  | { kind: "link"; url: string; parts: Inline[] }
  | { kind: "image"; url: string; text: string };

export type MarkdownBlock =
  | { kind: "heading"; level: number; parts: Inline[] }
  | { kind: "paragraph"; parts: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "rule" }
  | { kind: "quote"; blocks: MarkdownBlock[] }
  | { kind: "list"; isOrdered: boolean; start: number; items: MarkdownBlock[][] }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] };

const FENCE = /^ {0,3}(```+|~~~+)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}> ?/;
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const DEEP = 8;

export function parseMarkdown(text: string, depth = 0): MarkdownBlock[] {
  const lines = text.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n");
  const blocks: MarkdownBlock[] = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at]?.trim()) at += 1;
    else {
      const [block, next] = blockAt(lines, at, depth);
      blocks.push(block);
      at = Math.max(next, at + 1);
    }
  }
  return blocks;
}

function blockAt(lines: readonly string[], at: number, depth: number): [MarkdownBlock, number] {
  const line = lines[at] ?? "";
  const heading = HEADING.exec(line);
  if (heading) return [{ kind: "heading", level: heading[1]?.length ?? 1, parts: parseInline(heading[2] ?? "") }, at + 1];
  if (FENCE.test(line)) return fenced(lines, at);
  if (RULE.test(line)) return [{ kind: "rule" }, at + 1];
  if (QUOTE.test(line) && depth < DEEP) {
    const end = lines.findIndex((one, index) => index > at && !QUOTE.test(one));
    const body = lines.slice(at, end < 0 ? lines.length : end).map((one) => one.replace(QUOTE, ""));
    return [{ kind: "quote", blocks: parseMarkdown(body.join("\n"), depth + 1) }, at + body.length];
  }
  if (ITEM.test(line) && depth < DEEP) return list(lines, at, depth);
  if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "")) return table(lines, at);
  return paragraph(lines, at);
}

function fenced(lines: readonly string[], at: number): [MarkdownBlock, number] {
  const fence = FENCE.exec(lines[at] ?? "")?.[1] ?? "```";
  const end = lines.findIndex((one, index) => index > at && one.trim().startsWith(fence));
  const stop = end < 0 ? lines.length : end;
  return [{ kind: "code", text: lines.slice(at + 1, stop).join("\n") }, stop + 1];
}

function list(lines: readonly string[], at: number, depth: number): [MarkdownBlock, number] {
  const first = ITEM.exec(lines[at] ?? "");
  const indent = first?.[1]?.length ?? 0;
  const isOrdered = /\d/.test(first?.[2] ?? "");
  const items: string[][] = [];
  let next = at;
  for (; next < lines.length; next++) {
    const line = lines[next] ?? "";
    const item = ITEM.exec(line);
    if (item && (item[1]?.length ?? 0) <= indent + 1) {
      if (/\d/.test(item[2] ?? "") !== isOrdered || RULE.test(line)) break;
      items.push([item[3] ?? ""]);
    } else if (!line.trim() ? !/^\s+\S|^\s*([-*+]|\d+[.)])\s/.test(lines[next + 1] ?? "") : !/^\s/.test(line) && !lines[next - 1]?.trim()) break;
    else items.at(-1)?.push(line.slice(Math.min(indent + 2, line.length - line.trimStart().length)));
  }
  return [{ kind: "list", isOrdered, start: Number.parseInt(first?.[2] ?? "1", 10) || 1, items: items.map((item) => parseMarkdown(item.join("\n"), depth + 1)) }, next];
}

function cells(line: string): Inline[][] {
  return line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => parseInline(cell.trim().replaceAll("\\|", "|")));
}

function table(lines: readonly string[], at: number): [MarkdownBlock, number] {
  const end = lines.findIndex((one, index) => index > at + 1 && !one.includes("|"));
  const stop = end < 0 ? lines.length : end;
  return [{ kind: "table", head: cells(lines[at] ?? ""), rows: lines.slice(at + 2, stop).map(cells) }, stop];
}

function paragraph(lines: readonly string[], at: number): [MarkdownBlock, number] {
  let next = at + 1;
  while (next < lines.length) {
    const line = lines[next] ?? "";
    if (!line.trim() || HEADING.test(line) || FENCE.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line)) break;
    next += 1;
  }
  return [{ kind: "paragraph", parts: parseInline(lines.slice(at, next).join("\n")) }, next];
}

const INLINE = /\\([!-/:-@[-`{-~])|(`+)([^`]|[^`][\s\S]*?[^`])\2(?!`)|!\[([^\]]*)\]\(\s*<?([^\s)>]*)>?[^)]*\)|\[((?:[^[\]]|\[[^\]]*\])*)\]\(\s*<?([^\s)>]*)>?[^)]*\)|(\*\*|__)(?=\S)([\s\S]*?\S)\8|(\*|_)(?=\S)([\s\S]*?\S)\10(?!\w)|~~([\s\S]+?)~~|(https?:\/\/[^\s<>)\]]+)/g;

export function parseInline(text: string, depth = 0): Inline[] {
  if (depth > DEEP) return [{ kind: "text", text }];
  const parts: Inline[] = [];
  const plain = (piece: string) => {
    if (piece) parts.push({ kind: "text", text: piece });
  };
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    plain(text.slice(at, match.index));
    at = match.index + match[0].length;
    parts.push(inlineOf(match, depth));
  }
  plain(text.slice(at));
  return parts;
}

function inlineOf(match: RegExpExecArray, depth: number): Inline {
  const [whole, escaped, , code, alt, image, label, link, , strong, , emphasis, deleted, bare] = match;
  const inside = (piece: string) => parseInline(piece, depth + 1);
  if (escaped !== undefined) return { kind: "text", text: escaped };
  if (code !== undefined) return { kind: "code", text: code };
  if (image !== undefined) return { kind: "image", url: image, text: alt ?? "" };
  if (link !== undefined) return { kind: "link", url: link, parts: inside(label ?? "") };
  if (strong !== undefined) return { kind: "strong", parts: inside(strong) };
  if (emphasis !== undefined) return { kind: "emphasis", parts: inside(emphasis) };
  if (deleted !== undefined) return { kind: "deleted", parts: inside(deleted) };
  return { kind: "link", url: bare ?? whole, parts: [{ kind: "text", text: bare ?? whole }] };
}
