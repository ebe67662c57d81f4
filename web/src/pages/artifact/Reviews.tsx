import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api, oneLine } from "../../api/client";
import type { MoveRequest, Protection } from "../../api/types";
import { Panel } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { toast } from "../../components/overlay";
import { formatAgo, formatTime } from "../../lib/format";
import { type Key, language, t } from "../../messages";
import { AliasTag, aliasName } from "./AliasTag";

interface Props {
  project: string;
  name: string;
  protections: readonly Protection[];
  requests: readonly MoveRequest[];
  aliases: Record<string, number>;
  onDone: () => void;
}

const ref = (number: number | null | undefined) => (number === null || number === undefined ? t("model.nothing") : `v${number}`);

/** What is protected, and the requests: those that wait first, with what the gates found and who has said what. */
export function Reviews({ project, name, protections, requests, aliases, onDone }: Props): ReactElement | null {
  const me = useQuery({ queryKey: ["me"], queryFn: ({ signal }) => api.me(signal), staleTime: Number.POSITIVE_INFINITY });
  if (protections.length === 0 && requests.length === 0) return null;
  const pending = requests.filter((one) => one.state === "pending");
  const decided = requests.filter((one) => one.state !== "pending").slice(0, 5);
  return (
    <Panel title={t("model.requests")} count={pending.length}>
      <ul className="protections">
        {protections.map((rule) => (
          <li key={rule.alias}>
            <AliasTag alias={rule.alias} />
            <span className="hint">
              {[rule.reviewers.length > 0 && t("model.reviewers", { count: rule.approvals, names: rule.reviewers.join(", ") }), ...rule.gates].filter(Boolean).join(" · ")}
            </span>
          </li>
        ))}
      </ul>
      {[...pending, ...decided].map((request) => (
        <RequestCard
          key={request.number}
          project={project}
          name={name}
          request={request}
          rule={protections.find((rule) => rule.alias === request.alias)}
          current={aliases[request.alias]}
          who={me.data?.name ?? ""}
          level={me.data?.projects?.[project] ?? me.data?.level ?? ""}
          onDone={onDone}
        />
      ))}
    </Panel>
  );
}

interface CardProps {
  project: string;
  name: string;
  request: MoveRequest;
  rule: Protection | undefined;
  current: number | undefined;
  who: string;
  level: string;
  onDone: () => void;
}

function RequestCard({ project, name, request, rule, current, who, level, onDone }: CardProps): ReactElement {
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const client = useQueryClient();
  const isPending = request.state === "pending";
  const isReviewer = rule?.reviewers.includes(who) ?? false;
  const isOwn = request.actor === who;
  const mayApprove = isPending && isReviewer && (!isOwn || (rule?.own_requests ?? false));
  const mayReject = isPending && (isReviewer || isOwn || level === "admin");
  const agreed = request.reviews.filter((one) => one.is_approval && (rule?.reviewers.includes(one.actor) ?? false)).length;
  const answer = async (verdict: "approve" | "reject") => {
    setBusy(true);
    try {
      const made = await api.review(project, name, request.number, verdict, comment);
      const failed = made.findings.filter((one) => !one.passed);
      if (made.state === "pending" && verdict === "approve" && failed.length > 0) toast(failed.map((one) => `${one.gate}: ${one.detail}`).join("; "), { bad: true });
      else toast(t(`model.state.${made.state}` as Key));
    } catch (error) {
      toast(oneLine(error), { bad: true });
    } finally {
      setBusy(false);
      void client.invalidateQueries({ queryKey: ["reviews"] });
      onDone();
    }
  };
  const values = { name: request.actor, alias: aliasName(request.alias), before: ref(request.before), after: ref(request.version) };
  return (
    <article className={`request ${request.state}`} aria-label={`${t("model.kind.request")} ${request.number}`}>
      <header>
        <b>#{request.number}</b> {t("model.asked", values)}
        <span className={`tag ${isPending ? "warn" : request.state === "promoted" ? "good" : ""}`}>{t(`model.state.${request.state}` as Key)}</span>
        <time className="hint" title={formatTime(request.at)}>
          {formatAgo(request.at, language())}
        </time>
      </header>
      {request.reason && <p>{request.reason}</p>}
      {request.findings.length > 0 && (
        <ul className="findings">
          {request.findings.map((one) => (
            <li key={one.gate} className={one.passed ? "passed" : "failed"}>
              <Icon name={one.passed ? "check" : "close"} size={14} /> <code>{one.gate}</code> <span className="hint">{one.detail}</span>
            </li>
          ))}
        </ul>
      )}
      {request.reviews.map((one) => (
        <p key={one.actor} className="hint">
          {one.actor}: {t(one.is_approval ? "model.approve" : "model.reject")}
          {one.comment && ` · ${one.comment}`}
        </p>
      ))}
      {isPending && (current ?? null) !== request.before && <p className="notice">{t("model.moved.since", { alias: values.alias, current: ref(current) })}</p>}
      {isPending && (
        <footer>
          {rule && <span className="hint">{t("model.approved.by", { count: agreed, needed: rule.approvals })}</span>}
          {(mayApprove || mayReject) && <input className="input" aria-label={t("model.comment")} placeholder={t("model.comment")} value={comment} onChange={(event) => setComment(event.target.value)} />}
          {mayApprove && (
            <button type="button" className="button primary" disabled={busy} onClick={() => void answer("approve")}>
              {t("model.approve")}
            </button>
          )}
          {mayReject && (
            <button type="button" className="button" disabled={busy} onClick={() => void answer("reject")}>
              {t(isOwn && !isReviewer ? "model.withdraw" : "model.reject")}
            </button>
          )}
        </footer>
      )}
    </article>
  );
}
