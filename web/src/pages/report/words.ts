import type { Field } from "../../api/reports";
import { type Key, t } from "../../messages";

const TIMES: Record<string, Key> = { _step: "axis.step", _timestamp: "axis.wall", _runtime: "axis.relative" };

/** What a field is called. */
export function formatField(field: Field): string {
  const known = field.scope === "metrics" ? TIMES[field.key] : undefined;
  return known ? t(known) : field.key;
}
