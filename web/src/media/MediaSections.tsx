import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useMemo, useState } from "react";
import { api } from "../api/client";
import type { Run } from "../api/types";
import { metricFilter, sections } from "../charts/settings";
import { Empty, ErrorBox, Loading } from "../components/basic";
import { Icon } from "../components/Icon";
import { t } from "../messages";
import { MediaPanel } from "./MediaPanel";
import { SteppingOf, useNewStepping } from "./stepping";
import { entriesOf } from "./useMedia";

interface Props {
  project: string;
  runs: readonly Run[];
  titleOf?: (run: Run) => string;
  /** Shown where nothing was logged. */
  none: ReactElement | null;
}

/** All media of one or several runs, in sections by the first part of their keys. */
export function MediaSections({ project, runs, titleOf, none }: Props): ReactElement | null {
  const ids = runs.map((run) => run.id);
  const count = runs.reduce((sum, run) => sum + Object.keys(run.metrics).length, 0);
  const [text, setText] = useState("");
  const stepping = useNewStepping();
  const keys = useQuery({ queryKey: ["keys", project, ids, "media", count], queryFn: ({ signal }) => api.metricKeys(project, { run: ids, limit: 5000 }, signal), placeholderData: (before) => before });
  const entries = useMemo(() => entriesOf(keys.data ?? [], runs), [keys.data, runs]);
  if (keys.error) return <ErrorBox error={keys.error} onRetry={() => void keys.refetch()} />;
  if (keys.isPending) return <Loading />;
  if (entries.length === 0) return none;
  const passes = metricFilter(text);
  const shown = new Map(entries.filter((entry) => passes(entry.name)).map((entry) => [entry.name, entry]));
  return (
    <SteppingOf value={stepping}>
      <div className="toolbar media-bar" role="toolbar" aria-label={t("media.toolbar")}>
        <label className="search">
          <Icon name="search" size={14} />
          <input type="search" className="input" aria-label={t("media.search")} placeholder={t("media.search")} value={text} onChange={(event) => setText(event.target.value)} />
        </label>
        <label className="check">
          <input type="checkbox" checked={stepping.isShared} onChange={() => stepping.setShared(!stepping.isShared)} /> {t("media.shared")}
        </label>
      </div>
      {shown.size === 0 && <Empty title={t("charts.nomatch", { text })} />}
      {sections([...shown.keys()]).map(([section, names]) => (
        <section key={section} className="media-section" aria-label={section || t("tab.media")}>
          {section && (
            <h2>
              {section} <span className="count">{names.length}</span>
            </h2>
          )}
          <div className="media-grid">
            {names.map((name) => {
              const entry = shown.get(name);
              return entry && <MediaPanel key={name} entry={entry} runs={runs} titleOf={titleOf} />;
            })}
          </div>
        </section>
      ))}
    </SteppingOf>
  );
}
