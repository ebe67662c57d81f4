import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import type { MoveRequest } from "../api/types";
import { Link, Loading, PageError } from "../components/basic";
import { Icon } from "../components/Icon";
import { formatAgo, formatTime } from "../lib/format";
import { to } from "../lib/router";
import { language, t } from "../messages";
import { aliasName } from "./artifact/AliasTag";

const OFTEN = 60_000; // ms between two looks

const useWaiting = (): UseQueryResult<MoveRequest[]> => useQuery({ queryKey: ["reviews"], queryFn: ({ signal }) => api.waiting(signal), refetchInterval: OFTEN });

/** How many requests wait for the reader; nothing where none does. */
export function WaitingBadge(): ReactElement | null {
  const count = useWaiting().data?.length ?? 0;
  if (count === 0) return null;
  return (
    <Link to={to.waiting()} className="waiting-badge" title={t("waiting.badge", { count })} label={t("waiting.badge", { count })}>
      <Icon name="inbox" /> <b>{count}</b>
    </Link>
  );
}

/** The requests of all models that the reader may decide; each leads to where that is done. */
export function WaitingPage(): ReactElement {
  const found = useWaiting();
  if (found.isPending) return <main className="page"><Loading /></main>;
  if (!found.data) return <PageError error={found.error} onRetry={() => void found.refetch()} />;
  return (
    <main className="page">
      <header className="page-head">
        <h1>{t("waiting")}</h1>
      </header>
      {found.data.length === 0 && <p className="hint">{t("waiting.none")}</p>}
      <ul className="project-list" hidden={found.data.length === 0}>
        {found.data.map((one) => (
          <li key={`${one.project}/${one.name}/${one.number}`}>
            <Link to={to.model(one.project, one.name)} className="project waiting-row">
              <span className="project-name">
                {one.name} <small>{one.project}</small>
              </span>
              <span className="project-note">
                {t("model.asked", { name: one.actor, alias: aliasName(one.alias), before: refOf(one.before), after: refOf(one.version) })}
                {one.reason && ` · ${one.reason}`}
              </span>
              <time className="project-time" title={formatTime(one.at)}>
                {formatAgo(one.at, language())}
              </time>
            </Link>
          </li>
        ))}
      </ul>
    </main>
  );
}

const refOf = (number: number | null) => (number === null ? t("model.nothing") : `v${number}`);
