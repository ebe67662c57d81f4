import { type ReactElement, useMemo, useState } from "react";
import type { Run } from "../../api/types";
import { CopyButton, Facts, Link, Panel, Snippet } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { formatDuration, formatNumber, formatTime, formatValue, shellWord } from "../../lib/format";
import { isHidden, isOwn, isSystem } from "../../lib/keys";
import { isObject } from "../../lib/loose";
import { to } from "../../lib/router";
import { t } from "../../messages";
import { STAGE } from "../../lib/stages";
import { pointerOf } from "../../media/pointer";
import { goalOf } from "../../table/columns";
import { Notes, Tags } from "./Editable";
import { VerdictPanel } from "./Verdict";

const ALERTS: Record<string, string> = { error: "bad", warn: "warn", warning: "warn" };

export function Overview({ run }: { run: Run }): ReactElement {
  return (
    <div className="columns">
      <div className="column">
        {run.error && <FailurePanel run={run} />}
        {run.damage.length > 0 && (
          <div className="notice bad">
            <Icon name="warning" /> {t("run.damage")}: {run.damage.join(", ")}
          </div>
        )}
        {(run.captured?.changed.length ?? 0) > 0 && (
          <div className="notice warn">
            <Icon name="warning" /> {t("run.changed")}: <code>{run.captured?.changed.join(", ")}</code>
          </div>
        )}
        {(run.alerts ?? []).map((alert, at) => (
          <div key={at} className={`notice ${ALERTS[alert.level] ?? ""}`}>
            <Icon name="warning" /> <b>{alert.title}</b> {alert.text}
          </div>
        ))}
        <MetricsPanel run={run} />
        <ConfigPanel run={run} />
        <SummaryPanel run={run} />
      </div>
      <div className="column">
        <Panel title={t("run.reproduce")}>
          <div className="panel-body">
            <Snippet code={`madang reproduce ${run.id.slice(0, 12)}`} />
          </div>
        </Panel>
        {run.verdict && <VerdictPanel verdict={run.verdict} />}
        <Panel title={t("run.facts")}>
          <AboutRun run={run} />
        </Panel>
        <Notes run={run} />
        <Tags run={run} />
      </div>
    </div>
  );
}

function AboutRun({ run }: { run: Run }): ReactElement {
  const command = (run.command ?? []).map(shellWord).join(" ");
  const code = run.code;
  return (
    <Facts
      facts={[
        ["fact.id", <span className="with-copy"><code>{run.id}</code><CopyButton text={run.id} /></span>],
        ["fact.command", command && <span className="with-copy"><code>{command}</code><CopyButton text={command} /></span>],
        ["fact.entry", !command && run.tags["wandb.program"] && <code>{run.tags["wandb.program"]}</code>],
        ["fact.cwd", run.cwd && <code>{run.cwd}</code>],
        ["fact.commit", code?.commit && <span className="with-copy"><code>{code.commit.slice(0, 12)}</code>{code.dirty && <span className="tag warn">{t("fact.dirty")}</span>}<CopyButton text={code.commit} /></span>],
        ["fact.branch", code?.branch],
        ["fact.created", formatTime(run.created_at)],
        ["fact.ended", formatTime(run.ended_at)],
        ["fact.duration", formatDuration(run.duration)],
        ["fact.user", run.user],
        ["fact.host", run.host],
        ["fact.python", run.environment?.python],
        ["fact.gpus", run.environment?.gpus?.join(", ")],
        ["fact.group", run.group && run.tags[STAGE] !== undefined ? <Link to={to.pipeline(run.project, run.group, run.tags[STAGE])}>{run.group}</Link> : run.group],
        ["fact.job_type", run.job_type],
        ["fact.parent", run.parent && <Link to={to.run(run.parent)}>{run.parent.slice(0, 12)}</Link>],
        ["fact.exit", run.exit_code === null || run.exit_code === 0 ? "" : String(run.exit_code)],
        ["fact.signal", run.signal === null ? "" : String(run.signal)],
        ["fact.seeds", Object.entries(run.seeds ?? {}).map(([name, seed]) => `${name} ${formatValue(seed)}`).join(", ")],
      ]}
    />
  );
}

function FailurePanel({ run }: { run: Run }): ReactElement {
  const error = run.error;
  return (
    <section className="failure" role="alert">
      <h2>
        <Icon name="warning" /> {t("run.error", { type: error?.type ?? "" })}
      </h2>
      <p>{error?.message}</p>
      {error?.traceback && <pre tabIndex={0}>{error.traceback}</pre>}
    </section>
  );
}

const MANY = 12;

export function MetricsPanel({ run }: { run: Run }): ReactElement {
  const [text, setText] = useState("");
  const all = useMemo(() => Object.keys(run.metrics).filter((key) => isOwn(key) && !isObject(run.metrics[key]?.last)).sort(), [run.metrics]);
  const keys = all.filter((key) => key.toLowerCase().includes(text.toLowerCase()));
  const best = all.some((key) => run.metrics[key]?.best !== null);
  return (
    <Panel title={t("run.metrics")} count={all.length} actions={all.length > MANY && <FindBox value={text} onChange={setText} />}>
      {all.length === 0 ? (
        <p className="panel-body hint">{t("run.metrics.none")}</p>
      ) : (
        <div className="table-wrap">
          <table className="data-table metrics">
            <thead>
              <tr>
                <th>{t("table.key")}</th>
                {best && <th className="right">{t("statistic.best")}</th>}
                {(["last", "min", "max"] as const).map((name) => (
                  <th key={name} className={name === "last" ? "right" : "right optional"}>
                    {t(`statistic.${name}`)}
                  </th>
                ))}
                <th className="right">{t("table.step")}</th>
              </tr>
            </thead>
            <tbody>
              {keys.slice(0, 500).map((key) => {
                const metric = run.metrics[key];
                return (
                  <tr key={key}>
                    <td>
                      {key} <small>{goalOf(run, key)}</small>
                    </td>
                    {best && <td className="right strong">{formatNumber(metric?.best)}</td>}
                    <td className="right">{typeof metric?.last === "object" ? "" : formatNumber(metric?.last as number)}</td>
                    <td className="right optional" title={t("media.step", { step: String(metric?.min_step ?? "") })}>{formatNumber(metric?.min)}</td>
                    <td className="right optional" title={t("media.step", { step: String(metric?.max_step ?? "") })}>{formatNumber(metric?.max)}</td>
                    <td className="right">{formatNumber(metric?.step)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

export function ConfigPanel({ run }: { run: Run }): ReactElement {
  const [text, setText] = useState("");
  const config = visible(run.config);
  const count = Object.keys(config).length;
  const shown = Object.fromEntries(Object.entries(config).filter(([key]) => key.toLowerCase().includes(text.toLowerCase())));
  return (
    <Panel
      title={t("run.config")}
      count={count}
      actions={
        <>
          {count > MANY && <FindBox value={text} onChange={setText} />}
          {count > 0 && <CopyButton text={JSON.stringify(config, null, 2)} />}
        </>
      }
    >
      {count === 0 ? <p className="panel-body hint">{t("run.config.none")}</p> : <KeyValues values={shown} />}
    </Panel>
  );
}

/** What was set by hand: not what only repeats a metric's last value, which W&B's client writes there as well. */
function SummaryPanel({ run }: { run: Run }): ReactElement | null {
  const own = Object.entries(visible(run.summary)).filter(([key, value]) => !isSystem(key) && !pointerOf(value) && (run.metrics[key] === undefined || formatValue(value) !== formatValue(run.metrics[key]?.last)));
  if (own.length === 0) return null;
  return (
    <Panel title={t("run.summary")}>
      <KeyValues values={Object.fromEntries(own)} />
    </Panel>
  );
}

/** Without what other clients keep for themselves (`_wandb`). */
const visible = <V,>(values: Record<string, V>) => Object.fromEntries(Object.entries(values).filter(([key]) => !isHidden(key)));

export function FindBox({ value, onChange }: { value: string; onChange: (value: string) => void }): ReactElement {
  return <input type="search" className="input find" aria-label={t("table.filter")} placeholder={t("table.filter")} value={value} onChange={(event) => onChange(event.target.value)} />;
}

export function KeyValues({ values }: { values: Record<string, unknown> }): ReactElement {
  return (
    <div className="table-wrap">
      <table className="data-table">
        <tbody>
          {Object.entries(values)
            .sort(([a], [b]) => a.localeCompare(b))
            .slice(0, 2000)
            .map(([key, value]) => (
              <tr key={key}>
                <td className="key">{key}</td>
                <td title={String(value)}>{formatValue(value as string)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}
