import type { ReactElement } from "react";
import type { Sweep } from "../../api/sweeps";
import { Link, Snippet } from "../../components/basic";
import { formatAgo, formatTime } from "../../lib/format";
import { to } from "../../lib/router";
import { language, t } from "../../messages";

const LOOKS = { alive: "running", gone: "crashed", done: "finished" } as const;

/** Who works on the sweep, and on what. */
export function Agents({ sweep }: { sweep: Sweep }): ReactElement {
  if (sweep.agents.length === 0)
    return (
      <div className="panel-body stack">
        <p className="hint">{t("sweep.agents.none")}</p>
        <Snippet code={`madang agent ${sweep.id}`} />
      </div>
    );
  return (
    <div className="table-wrap">
      <table className="data-table">
        <tbody>
          {sweep.agents.map((agent) => (
            <tr key={agent.id}>
              <td>{agent.name || agent.host || agent.id}</td>
              <td>
                <span className={`status status-${LOOKS[agent.state]}`}>
                  <i aria-hidden="true" />
                  {t(`sweep.agent.${agent.state}`)}
                </span>
              </td>
              <td className="right">{t("sweep.trials")} {agent.trials}</td>
              <td>
                {agent.running.map((run) => (
                  <Link key={run} to={to.run(run)}>{run.slice(0, 8)} </Link>
                ))}
              </td>
              <td className="hint">
                <time title={formatTime(agent.seen_at)}>{formatAgo(agent.seen_at, language())}</time>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
