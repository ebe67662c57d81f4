import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../../api/client";
import type { Run, Why } from "../../api/types";
import { ErrorBox, Link, Loading, Snippet } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { formatNumber, formatTime, shellWord, toNumber } from "../../lib/format";
import { isOwn } from "../../lib/keys";
import { setSearch, to, useParam } from "../../lib/router";
import { t } from "../../messages";
import { goalOf, largerIsBetter } from "../../table/columns";
import { PartPanel, partText } from "./Part";
import { Shares } from "./Shares";

const CANDIDATES = 50;
const UNKNOWN = "cannot be separated";

/** Why a metric of this run is not what it was in another one. */
export function WhyTab({ run }: { run: Run }): ReactElement {
  const names = Object.keys(run.metrics).filter((key) => isOwn(key) && toNumber(run.metrics[key]?.last) !== null).sort();
  const [chosen] = useParam("metric");
  const metric = names.includes(chosen) ? chosen : (tellingOf(run, names) ?? "");
  const [against] = useParam("against");
  const found = useQuery({ queryKey: ["why", run.id, metric, against], queryFn: ({ signal }) => api.why(run.id, metric, against, signal), enabled: metric !== "" });
  if (!metric) return <p className="hint">{t("why.nometric")}</p>;
  return (
    <div className="stack">
      <div className="why-bar">
        <label className="select-label">
          {t("why.metric")}
          <select className="input" value={metric} onChange={(event) => setSearch({ metric: event.target.value })}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <Against run={run} metric={metric} against={against} shown={found.data} />
      </div>
      {found.isPending ? <Loading /> : found.data ? <Explained run={run} why={found.data} /> : <ErrorBox error={found.error} onRetry={() => void found.refetch()} />}
    </div>
  );
}

/** The metric that says most of a run: one with a goal, else of a validation, else one whose name says what is better. */
function tellingOf(run: Run, names: readonly string[]): string | undefined {
  const telling = names.filter((name) => largerIsBetter(run, name) !== null);
  return names.find((name) => goalOf(run, name)) ?? telling.find((name) => /^(val|valid|test|eval)/i.test(name)) ?? telling[0] ?? names[0];
}

/** The run to compare with: by default the one that the server names. */
function Against({ run, metric, against, shown }: { run: Run; metric: string; against: string; shown: Why | undefined }): ReactElement {
  const key = metric.replaceAll("`", "``");
  const others = useQuery({
    queryKey: ["why-others", run.project, metric],
    queryFn: ({ signal }) => api.runs(run.project, { filter: `metrics.\`${key}\` is not null and status = 'finished'`, order_by: ["created_at desc"], keys: [metric], limit: CANDIDATES }, signal),
    staleTime: 30_000,
  });
  const options = (others.data?.runs ?? []).filter((one) => one.id !== run.id);
  const missing = against && !options.some((one) => one.id === against);
  return (
    <label className="select-label">
      {t("why.against")}
      <select className="input" value={against} onChange={(event) => setSearch({ against: event.target.value })}>
        <option value="">{t("why.default")}</option>
        {missing && <option value={against}>{shown?.before.name || against.slice(0, 8)}</option>}
        {options.map((one) => (
          <option key={one.id} value={one.id}>
            {`${one.name || one.id.slice(0, 8)} · ${formatNumber(one.metrics[metric]?.last as number)} · ${formatTime(one.created_at)}`}
          </option>
        ))}
      </select>
    </label>
  );
}

function Explained({ run, why }: { run: Run; why: Why }): ReactElement {
  const changed = why.parts.filter((part) => part.detail.some((change) => change.is_used));
  const rest = why.parts.filter((part) => !changed.includes(part));
  return (
    <>
      <Headline why={why} />
      <Verdict why={why} parts={changed.length} />
      {changed.map((part) => (
        <PartPanel key={part.part} project={run.project} before={why.before.run} after={why.after.run} part={part} />
      ))}
      {rest.length > 0 && (
        <p className="why-same">
          <Icon name="check" size={14} /> {t("why.same", { parts: rest.map((part) => partText(part.part)).join(", ") })}
        </p>
      )}
      {why.notes.length > 0 && (
        <ul className="hint why-notes">
          {why.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </>
  );
}

function Headline({ why }: { why: Why }): ReactElement {
  const [before, after] = [toNumber(why.before.value), toNumber(why.after.value)];
  const by = before !== null && after !== null ? after - before : Number.NaN;
  const sense = !why.goal || !Number.isFinite(by) || by === 0 ? "" : by > 0 === (why.goal === "max") ? " good" : " bad";
  return (
    <section className="why-headline" aria-label={why.metric}>
      <Value side={why.before} />
      <span className={`why-by${sense}`}>
        <Icon name="right" size={18} />
        {Number.isFinite(by) && <b>{by === 0 ? "±0" : `${by > 0 ? "+" : ""}${formatNumber(by, 4)}`}</b>}
      </span>
      <Value side={why.after} />
    </section>
  );
}

function Value({ side }: { side: Why["before"] }): ReactElement {
  return (
    <div className="why-side">
      <span className="why-value num">{formatNumber(side.value, 6)}</span>
      <Link to={to.run(side.run)}>{side.name || side.run.slice(0, 8)}</Link>
      <span className="hint">{formatTime(side.created_at)}</span>
    </div>
  );
}

/** The answer, how it is known, and how to know more. */
function Verdict({ why, parts }: { why: Why; parts: number }): ReactElement {
  const causes = Array.isArray(why.cause) ? why.cause : [why.cause];
  const unknown = causes.includes(UNKNOWN);
  const unchanged = causes.length === 0;
  const text = unchanged ? t("why.unchanged") : unknown ? t("why.unknown") : t("why.cause", { parts: causes.map(partText).join(", ") });
  const how = unchanged ? "" : why.was_measured ? t("why.measured") : unknown ? (parts === 0 ? t("why.nothing") : t("why.several", { count: parts })) : t("why.elimination");
  return (
    <section className={`why-verdict${unknown ? " unknown" : ""}`} aria-label={t("why.answer")}>
      <h2>{text}</h2>
      {(why.reason || how) && <p className="hint">{[why.reason, how].filter(Boolean).join(" · ")}</p>}
      {why.was_measured && <Shares why={why} />}
      {!why.was_measured && !unchanged && (unknown || parts > 1) && <Snippet code={`madang why ${shellWord(why.metric)} ${why.after.run.slice(0, 12)} --against ${why.before.run.slice(0, 12)} --rerun`} label={t("why.rerun")} />}
    </section>
  );
}
