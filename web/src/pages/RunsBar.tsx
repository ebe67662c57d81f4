import { type ReactElement, useEffect, useRef, useState } from "react";
import type { LiveState } from "../api/events";
import type { MetricKey } from "../api/types";
import { Choice, describe, IconButton } from "../components/basic";
import { Icon } from "../components/Icon";
import { Popover, toast } from "../components/overlay";
import { exportCsv } from "../table/exportCsv";
import { oneLine } from "../api/client";
import { setSearch, useParam, useSearch } from "../lib/router";
import { t } from "../messages";
import { ColumnPicker } from "../table/ColumnPicker";
import { type Column, columnTitle, paramKeys, tagKeys } from "../table/columns";
import type { Picks } from "../table/usePicks";
import type { RunPages } from "../table/useRunPages";

interface Props {
  project: string;
  pages: RunPages;
  columns: readonly Column[];
  onColumns: (columns: Column[]) => void;
  onReset: () => void;
  keys: readonly MetricKey[];
  picks: Picks;
  live: boolean;
  onLive: (live: boolean) => void;
  liveState: LiveState;
}

/** Above table and charts: the filter, what is shown, and how. */
export function RunsBar({ project, pages, columns, onColumns, onReset, keys, picks, live, onLive, liveState }: Props): ReactElement {
  const [view] = useParam("view", "split");
  return (
    <div className="runs-bar">
      <FilterBox error={pages.error} />
      <span className="total" aria-live="polite">
        {t("runs.total", { count: pages.total })}
      </span>
      {pages.fresh > 0 && (
        <button type="button" className="button accent" onClick={pages.reload}>
          {t("runs.fresh", { count: pages.fresh })}
        </button>
      )}
      <span className="grow" />
      <GroupMenu pages={pages} />
      <ShownMenu picks={picks} />
      <MoreMenu project={project} columns={columns} />
      <ColumnPicker columns={columns} onColumns={onColumns} onReset={onReset} runs={pages.rows} keys={keys} />
      <span className={`live live-${live ? liveState : "off"}`}>
        <IconButton icon={live ? "pause" : "play"} label={t(live ? "live.pause" : "live.resume")} onClick={() => onLive(!live)} />
        <span className="wide-only">{t(live ? (liveState === "live" ? "live.on" : "live.connecting") : "live.off")}</span>
      </span>
      <Choice
        label={t("view")}
        value={view}
        options={[["table", t("view.table")], ["split", t("view.split")], ["charts", t("view.charts")]]}
        onChange={(next) => setSearch({ view: next === "split" ? null : next })}
      />
    </div>
  );
}

function FilterBox({ error }: { error: unknown }): ReactElement {
  const current = useSearch().get("q") ?? "";
  const [text, setText] = useState(current);
  const [known, setKnown] = useState(current);
  const input = useRef<HTMLInputElement>(null);
  if (known !== current) {
    setKnown(current);
    setText(current);
  }
  useEffect(() => {
    if (text === current) return;
    const timer = setTimeout(() => setSearch({ q: text }), 350);
    return () => clearTimeout(timer);
  }, [text, current]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || target.closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const [message, hint] = error ? describe(error) : ["", ""];
  return (
    <div className="filter">
      <label className="search">
        <Icon name="search" size={14} />
        <input
          ref={input}
          type="search"
          className="input"
          spellCheck={false}
          autoComplete="off"
          placeholder={t("filter.placeholder")}
          aria-label={t("filter")}
          aria-invalid={Boolean(error)}
          aria-describedby={error ? "filter-error" : undefined}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") setSearch({ q: text });
            if (event.key === "Escape") event.currentTarget.blur();
          }}
        />
        <kbd className="wide-only">/</kbd>
      </label>
      {Boolean(error) && (
        <div className="filter-error" id="filter-error" role="alert">
          <pre>{message}</pre>
          {hint && <p>{hint}</p>}
        </div>
      )}
    </div>
  );
}

function GroupMenu({ pages }: { pages: RunPages }): ReactElement {
  const [group, setGroup] = useParam("group");
  const options = ["status", "user", "host", "group", "job_type", "branch", "commit", "verdict", ...paramKeys(pages.rows).map((key) => `params:${key}`), ...tagKeys(pages.rows).map((key) => `tags:${key}`)];
  return (
    <label className="select-label">
      <span className="wide-only">{t("group.by")}</span>
      <select className="input" aria-label={t("group.by")} value={group} onChange={(event) => setGroup(event.target.value)}>
        <option value="">{t("group.none")}</option>
        {options.map((id) => (
          <option key={id} value={id}>
            {columnTitle(id)}
          </option>
        ))}
      </select>
    </label>
  );
}

function ShownMenu({ picks }: { picks: Picks }): ReactElement {
  return (
    <Popover label={t("shown")} button={<><Icon name="eye" /> {t("shown.count", { count: picks.shown.length })}</>}>
      {(close) => (
        <div className="menu">
          {[10, 25, 50, 100, 200].map((count) => (
            <button key={count} type="button" onClick={() => { picks.showFirst(count); close(); }}>
              {t("shown.first", { count })}
            </button>
          ))}
          <button type="button" onClick={() => { picks.showFirst(0); close(); }}>
            {t("shown.none")}
          </button>
        </div>
      )}
    </Popover>
  );
}

function MoreMenu({ project, columns }: { project: string; columns: readonly Column[] }): ReactElement {
  const [deleted, setDeleted] = useParam("deleted");
  const query = useSearch();
  const save = async () => {
    try {
      toast(t("export.done", { count: await exportCsv(project, columns, query) }));
    } catch (error) {
      toast(oneLine(error), { bad: true });
    }
  };
  return (
    <Popover label={t("more")} button={<Icon name="more" />}>
      {(close) => (
        <div className="menu">
          <button type="button" onClick={() => { void save(); close(); }}>
            {t("export.csv")}
          </button>
          <label className="menu-check">
            <input type="checkbox" checked={deleted === "1"} onChange={() => setDeleted(deleted === "1" ? "" : "1")} /> {t("runs.deleted")}
          </label>
        </div>
      )}
    </Popover>
  );
}
