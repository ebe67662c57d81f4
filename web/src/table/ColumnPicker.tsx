import { type ReactElement, useMemo, useState } from "react";
import type { MetricKey, Run } from "../api/types";
import { IconButton } from "../components/basic";
import { Icon } from "../components/Icon";
import { Popover } from "../components/overlay";
import { t } from "../messages";
import { attributeColumns, type Column, columnNote, columnTitle, inOrder, isChartable, makeColumn, paramKeys, tagKeys } from "./columns";

interface Props {
  columns: readonly Column[];
  onColumns: (columns: Column[]) => void;
  onReset: () => void;
  runs: readonly Run[];
  keys: readonly MetricKey[];
}

const STATISTICS = ["last", "best", "min", "max", "mean"] as const;
const LIMIT = 200;

/** Which columns are shown, in which order, which stay at the left. */
export function ColumnPicker(props: Props): ReactElement {
  return (
    <Popover label={t("columns")} button={<><Icon name="columns" /> <span className="wide-only">{t("columns")}</span></>}>
      {() => <Picker {...props} />}
    </Popover>
  );
}

function Picker({ columns, onColumns, onReset, runs, keys }: Props): ReactElement {
  const [text, setText] = useState("");
  const available = useMemo(() => {
    const metrics = keys.filter(isChartable).flatMap((key) => STATISTICS.map((statistic) => `metrics:${key.name}:${statistic}`));
    return [
      ...attributeColumns(),
      ...paramKeys(runs).map((key) => `params:${key}`),
      ...metrics,
      ...tagKeys(runs).map((key) => `tags:${key}`),
    ];
  }, [runs, keys]);
  const shown = new Set(columns.map((column) => column.id));
  const wanted = text.toLowerCase();
  const label = (id: string) => `${columnTitle(id)} ${columnNote(id)}`;
  const addable = available.filter((id) => !shown.has(id) && label(id).toLowerCase().includes(wanted));
  const change = (id: string, changes: Partial<Column>) => onColumns(inOrder(columns.map((c) => (c.id === id ? { ...c, ...changes } : c))));
  const move = (at: number, by: number) => {
    const next = [...columns];
    const [moved] = next.splice(at, 1);
    if (moved) next.splice(at + by, 0, moved);
    onColumns(inOrder(next));
  };
  return (
    <div className="picker">
      <div className="picker-head">
        <b>{t("columns.shown")}</b>
        <button type="button" className="link-button" onClick={onReset}>
          {t("columns.reset")}
        </button>
      </div>
      <ul className="picker-list">
        {columns.map((column, at) => (
          <li key={column.id}>
            <span className="picker-name">
              {columnTitle(column.id)} <small>{columnNote(column.id)}</small>
            </span>
            <IconButton icon="up" label={t("columns.up", { name: label(column.id) })} disabled={at === 0} onClick={() => move(at, -1)} />
            <IconButton icon="down" label={t("columns.down", { name: label(column.id) })} disabled={at === columns.length - 1} onClick={() => move(at, 1)} />
            <IconButton icon="pin" label={t("columns.pin", { name: label(column.id) })} pressed={column.pinned} onClick={() => change(column.id, { pinned: !column.pinned })} />
            <IconButton icon="close" label={t("columns.hide", { name: label(column.id) })} disabled={columns.length === 1} onClick={() => onColumns(columns.filter((c) => c.id !== column.id))} />
          </li>
        ))}
      </ul>
      <input className="input" type="search" placeholder={t("columns.search")} aria-label={t("columns.search")} value={text} onChange={(event) => setText(event.target.value)} />
      <ul className="picker-list tall">
        {addable.slice(0, LIMIT).map((id) => (
          <li key={id}>
            <button type="button" className="picker-add" onClick={() => onColumns(inOrder([...columns, makeColumn(id)]))}>
              <Icon name="plus" size={13} /> {columnTitle(id)} <small>{columnNote(id)}</small>
            </button>
          </li>
        ))}
        {addable.length > LIMIT && <li className="hint">{t("columns.more", { count: addable.length - LIMIT })}</li>}
      </ul>
    </div>
  );
}
