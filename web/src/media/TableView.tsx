import { type ReactElement, useMemo, useState } from "react";
import type { Json } from "../api/types";
import { IconButton } from "../components/basic";
import { Icon } from "../components/Icon";
import { downloadCsv } from "../lib/csv";
import { formatValue } from "../lib/format";
import { t } from "../messages";
import { itemsOf } from "./pointer";
import { type Column, type ColumnType, cellText, csvRows, type Order, type Table, wantedRows } from "./table";
import { Thumb } from "./Thumb";

const PAGE = 25;
const HINTS: Partial<Record<ColumnType, string>> = { number: "> 0.5", date: ">= 2026-05" };

/** A table to look through: search, a filter for each column, order, pages, and what passed as CSV. */
export function TableView({ table, name }: { table: Table; name: string }): ReactElement {
  const [search, setSearch] = useState("");
  const [filters, setFilters] = useState<ReadonlyMap<number, string> | null>(null);
  const [order, setOrder] = useState<Order | null>(null);
  const [page, setPage] = useState(0);
  const rows = useMemo(() => wantedRows(table, search, filters ?? new Map(), order), [table, search, filters, order]);
  const last = Math.max(0, Math.ceil(rows.length / PAGE) - 1);
  const at = Math.min(page, last);
  const sort = (column: number) => setOrder(order?.column !== column ? { column, descending: false } : order.descending ? null : { column, descending: true });
  return (
    <div className="media-table">
      <div className="media-table-bar">
        <label className="search">
          <Icon name="search" size={14} />
          <input type="search" className="input" aria-label={t("media.table.search", { name })} placeholder={t("table.filter")} value={search} onChange={(event) => setSearch(event.target.value)} />
        </label>
        <IconButton icon="filter" label={t("media.table.filter")} pressed={filters !== null} onClick={() => setFilters(filters ? null : new Map())} />
        <span className="grow" />
        <span className="hint num">{rows.length === table.rows.length ? t("media.table.rows", { count: rows.length }) : t("media.table.of", { count: rows.length, total: table.rows.length })}</span>
        <IconButton icon="download" label={t("media.table.csv")} onClick={() => downloadCsv(name, csvRows(table, rows))} />
      </div>
      <div className="table-wrap">
        <table className="data-table">
          <thead>
            <tr>
              {table.columns.map((column, index) => (
                <Head key={index} column={column} order={order?.column === index ? order : null} onSort={() => sort(index)} />
              ))}
            </tr>
            {filters && (
              <tr className="media-filters">
                {table.columns.map((column, index) => (
                  <th key={index}>
                    <input className="input" aria-label={t("media.table.column", { name: column.name })} placeholder={HINTS[column.type] ?? ""} value={filters.get(index) ?? ""} onChange={(event) => setFilters(new Map(filters).set(index, event.target.value))} />
                  </th>
                ))}
              </tr>
            )}
          </thead>
          <tbody>
            {rows.slice(at * PAGE, (at + 1) * PAGE).map((row) => (
              <tr key={row}>
                {table.columns.map((column, index) => (
                  <Cell key={index} column={column} value={table.rows[row]?.[index]} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {last > 0 && <Pager page={at} last={last} onPage={setPage} />}
    </div>
  );
}

function Head({ column, order, onSort }: { column: Column; order: Order | null; onSort: () => void }): ReactElement {
  return (
    <th className={column.type === "number" ? "right" : ""} aria-sort={order ? (order.descending ? "descending" : "ascending") : "none"}>
      <button type="button" className="head-button" onClick={onSort}>
        <span className="head-text">{column.name}</span>
        {order && <Icon name={order.descending ? "down" : "up"} size={11} />}
        <small>{t(`media.type.${column.type}`)}</small>
      </button>
    </th>
  );
}

function Cell({ column, value }: { column: Column; value: Json | undefined }): ReactElement {
  if (column.type === "media") return <td>{itemsOf(value).map((item, at) => (item.kind === "text" ? item.caption : <Thumb key={at} item={item} />))}</td>;
  const text = typeof value === "number" ? formatValue(value) : cellText(value);
  return (
    <td className={column.type === "number" ? "right" : "media-text"} title={cellText(value)}>
      {text}
    </td>
  );
}

function Pager({ page, last, onPage }: { page: number; last: number; onPage: (page: number) => void }): ReactElement {
  return (
    <nav className="pager" aria-label={t("media.table.pages")}>
      <button type="button" className="button" disabled={page === 0} onClick={() => onPage(page - 1)}>
        {t("media.table.before")}
      </button>
      <span className="hint num">{t("media.table.page", { page: page + 1, pages: last + 1 })}</span>
      <button type="button" className="button" disabled={page === last} onClick={() => onPage(page + 1)}>
        {t("media.table.after")}
      </button>
    </nav>
  );
}
