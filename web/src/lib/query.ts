/** The words of the filter language that the page writes itself. */

const PLAIN = /^[A-Za-z_][\w]*$/;
const quoted = (key: string) => (PLAIN.test(key) ? key : `\`${key.replaceAll("`", "``")}\``);

export type Statistic = "last" | "min" | "max" | "best" | "mean";

/** A column's name: `metrics:val/f1:max`, `params:lr`, `tags:baseline`, or an attribute such as `created_at`. */
export interface FieldRef {
  scope: "metrics" | "params" | "tags" | "attributes";
  key: string;
  statistic: Statistic;
}

const STATISTICS: readonly string[] = ["last", "min", "max", "best", "mean"];

export function parseField(id: string): FieldRef {
  const [scope, rest] = cut(id, ":");
  if (scope === "metrics") {
    const at = rest.lastIndexOf(":");
    const statistic = rest.slice(at + 1);
    if (at > 0 && STATISTICS.includes(statistic))
      return { scope, key: rest.slice(0, at), statistic: statistic as Statistic };
    return { scope, key: rest, statistic: "last" };
  }
  if (scope === "params" || scope === "tags") return { scope, key: rest, statistic: "last" };
  return { scope: "attributes", key: id, statistic: "last" };
}

function cut(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** A field as the server's filter and order read it (docs/filters.md). */
export function fieldText(id: string): string {
  const field = parseField(id);
  if (field.scope === "attributes") return field.key;
  const name = `${field.scope}.${quoted(field.key)}`;
  return field.scope === "metrics" && field.statistic !== "last" ? `${field.statistic}(${name})` : name;
}

/** Whether a typed text is a filter, or words to find in names, ids, notes and tags. */
export const looksLikeFilter = (text: string) => /[=<>]|\b(in|is|like|ilike|contains)\b/i.test(text);

export const orderText = (id: string, descending: boolean) => `${fieldText(id)} ${descending ? "desc" : "asc"}`;

/** The runs with these ids. */
export const idsFilter = (ids: readonly string[]) => `id in (${ids.map((id) => `'${id}'`).join(", ")})`;
