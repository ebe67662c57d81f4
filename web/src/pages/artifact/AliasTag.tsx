import type { ReactElement } from "react";
import { type Key, t } from "../../messages";

export const STAGES = ["staging", "production", "archived"] as const;

export const aliasName = (alias: string) => ((STAGES as readonly string[]).includes(alias) ? t(`stage.${alias}` as Key) : alias);

export function AliasTag({ alias, number }: { alias: string; number?: number }): ReactElement {
  return (
    <span className={`tag stage-${(STAGES as readonly string[]).includes(alias) ? alias : "none"}`}>
      {aliasName(alias)}
      {number !== undefined && <em>v{number}</em>}
    </span>
  );
}
