import type { ReactElement } from "react";
import type { Json, Verdict } from "../../api/types";
import { Facts, Link, Panel } from "../../components/basic";
import { formatValue } from "../../lib/format";
import { to } from "../../lib/router";
import { t } from "../../messages";

const counts = (values: Record<string, Json> | null | undefined) =>
  Object.entries(values ?? {})
    .map(([name, value]) => `${name} ${formatValue(value)}`)
    .join(", ");

export function verdictClass(verdict: string): string {
  return verdict === "IDENTICAL" || verdict === "WITHIN TOLERANCE" ? "good" : verdict.startsWith("DIFFERS") ? "bad" : "warn";
}

/** Whether the numbers came out the same when the run was done again. */
export function VerdictPanel({ verdict }: { verdict: Verdict }): ReactElement {
  return (
    <Panel title={t("run.verdict")} actions={<span className={`tag ${verdictClass(verdict.verdict)}`}>{verdict.verdict}</span>}>
      <Facts
        facts={[
          ["run.verdict.of", <Link to={to.run(verdict.of)}>{verdict.of.slice(0, 12)}</Link>],
          ["run.verdict.first", counts(verdict.first_difference)],
          ["run.verdict.missing", verdict.missing?.join(", ")],
          ["run.verdict.compared", counts(verdict.compared)],
          ["run.verdict.notcompared", counts(verdict.not_compared)],
        ]}
      />
    </Panel>
  );
}
