/** Console text with ANSI colours as spans. Other escape sequences are dropped. */

export interface Span {
  text: string;
  className: string;
}

const ESCAPE = /\u001b\[([0-9;:]*)([A-Za-z])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[@-_]|[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]/g;

export function spans(text: string): Span[] {
  if (!/[\u0000-\u001f\u007f]/.test(text)) return [{ text, className: "" }];
  const found: Span[] = [];
  let style: Style = {};
  let at = 0;
  for (const match of text.matchAll(ESCAPE)) {
    push(found, text.slice(at, match.index), style);
    at = match.index + match[0].length;
    if (match[2] === "m") style = change(style, match[1] ?? "");
  }
  push(found, text.slice(at), style);
  return found;
}

export const plainText = (text: string) => text.replace(ESCAPE, "");

interface Style {
  color?: number | undefined;
  bold?: boolean;
  dim?: boolean;
}

function push(found: Span[], text: string, style: Style): void {
  if (!text) return;
  const names = [style.color === undefined ? "" : `ansi-${style.color}`, style.bold ? "ansi-bold" : "", style.dim ? "ansi-dim" : ""];
  found.push({ text, className: names.filter(Boolean).join(" ") });
}

function change(style: Style, codes: string): Style {
  const list = codes === "" ? [0] : codes.split(/[;:]/).map(Number);
  let next = { ...style };
  for (let i = 0; i < list.length; i++) {
    const code = list[i] ?? 0;
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 22) next = { color: next.color };
    else if (code >= 30 && code <= 37) next.color = code - 30;
    else if (code >= 90 && code <= 97) next.color = code - 82;
    else if (code === 39) next.color = undefined;
    else if (code === 38 && list[i + 1] === 5) {
      next.color = (list[i + 2] ?? 0) < 16 ? (list[i + 2] ?? 0) : next.color;
      i += 2;
    } else if (code === 38 || code === 48) i += list[i + 1] === 2 ? 4 : 2;
  }
  return next;
}
