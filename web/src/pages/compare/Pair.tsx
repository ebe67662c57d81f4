import type { ReactElement } from "react";
import type { Run } from "../../api/types";
import { Choice, Link, Panel } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { dataOf } from "../../lib/inputs";
import { to, useParam } from "../../lib/router";
import { t } from "../../messages";
import { CodeDiff, CommitOf } from "./CodeDiff";
import { DataDiff } from "./DataDiff";
import { titlesOf } from "./sections";

/** The code and the data of one run against the baseline's, in full. */
export function PairDetails({ runs }: { runs: readonly Run[] }): ReactElement | null {
  const [base, ...others] = runs;
  const [wanted, setWanted] = useParam("with");
  const other = others.find((run) => run.id === wanted) ?? others[0];
  if (!base || !other) return null;
  const titles = titlesOf(runs);
  const titleOf = (run: Run) => titles.get(run.id) ?? "";
  const [before, after] = [dataOf(base), dataOf(other)];
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort().filter((path) => JSON.stringify(before.get(path)) !== JSON.stringify(after.get(path)));
  return (
    <>
      <header className="pair-head">
        <h2>{t("compare.details")}</h2>
        {others.length > 1 ? (
          <Choice label={t("compare.with")} value={other.id} options={others.map((run) => [run.id, titleOf(run)] as const)} onChange={setWanted} />
        ) : (
          <span className="hint">
            {titleOf(base)} → {titleOf(other)}
          </span>
        )}
        <span className="grow" />
        <Link to={to.why(other.id, "", base.id)} className="button">
          <Icon name="branch" size={14} /> {t("why.ask")}
        </Link>
      </header>
      <Panel
        title={t("compare.code")}
        actions={
          <span className="pair-commits">
            <CommitOf run={base} /> → <CommitOf run={other} />
          </span>
        }
      >
        <div className="panel-body">
          <CodeDiff before={base.id} after={other.id} wanted={(file) => file.part !== "" && file.is_used} />
        </div>
      </Panel>
      <Panel title={t("compare.data")} count={paths.length}>
        <div className="panel-body stack">
          {paths.length === 0 && <p className="hint">{t("compare.same")}</p>}
          {paths.map((path) => (
            <DataDiff key={path} project={other.project} path={path} before={before.get(path)} after={after.get(path)} />
          ))}
        </div>
      </Panel>
    </>
  );
}
