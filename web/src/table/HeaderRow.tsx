import { type PointerEvent, type ReactElement, useState } from "react";
import { Icon } from "../components/Icon";
import { t } from "../messages";
import type { Sort } from "./asked";
import { type Column, columnNote, columnTitle, inOrder, isSortable, LEAD } from "./columns";
import { cellClass, cellStyle } from "./Row";
import type { TableProps } from "./RunTable";

type Props = Pick<TableProps, "columns" | "onColumns" | "sort" | "onSort" | "selected" | "onSelectAll" | "pages">;

export function HeaderRow({ columns, onColumns, sort, onSort, selected, onSelectAll, pages }: Props): ReactElement {
  const [dragged, setDragged] = useState("");
  const drop = (target: string) => {
    const moved = columns.find((column) => column.id === dragged);
    setDragged("");
    if (!moved || dragged === target) return;
    const others = columns.filter((column) => column.id !== dragged);
    const forward = columns.indexOf(moved) < columns.findIndex((column) => column.id === target);
    const at = others.findIndex((column) => column.id === target) + (forward ? 1 : 0);
    onColumns(inOrder([...others.slice(0, at), moved, ...others.slice(at)]));
  };
  const all = pages.rows.length > 0 && pages.rows.every((run) => selected.has(run.id));
  return (
    <div className="row header" role="row" aria-rowindex={1}>
      <div className="cell lead" role="columnheader" style={{ width: LEAD }}>
        <input type="checkbox" checked={all} aria-label={t("runs.select.all")} onChange={() => onSelectAll(!all)} />
      </div>
      {columns.map((column, at) => (
        <HeaderCell
          key={column.id}
          column={column}
          style={cellStyle(columns, at)}
          sort={sort}
          onSort={onSort}
          onResize={(width) => onColumns(columns.map((other) => (other.id === column.id ? { ...other, width } : other)))}
          onDrag={() => setDragged(column.id)}
          onDrop={() => drop(column.id)}
        />
      ))}
    </div>
  );
}

interface CellProps {
  column: Column;
  style: { width: number; left?: number };
  sort: Sort;
  onSort: (sort: Sort) => void;
  onResize: (width: number) => void;
  onDrag: () => void;
  onDrop: () => void;
}

function HeaderCell({ column, style, sort, onSort, onResize, onDrag, onDrop }: CellProps): ReactElement {
  const sorted = sort.id === column.id;
  const note = columnNote(column.id);
  const sortable = isSortable(column.id);
  const startResize = (event: PointerEvent<HTMLSpanElement>) => {
    event.preventDefault();
    const handle = event.currentTarget;
    const from = event.clientX;
    handle.setPointerCapture(event.pointerId);
    const move = (moved: globalThis.PointerEvent) => onResize(Math.max(56, Math.min(600, column.width + moved.clientX - from)));
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", () => handle.removeEventListener("pointermove", move), { once: true });
  };
  return (
    <div
      className={cellClass(column)}
      role="columnheader"
      style={style}
      aria-sort={sorted ? (sort.descending ? "descending" : "ascending") : sortable ? "none" : undefined}
      onDragOver={(event) => event.preventDefault()}
      onDrop={onDrop}
    >
      <button
        type="button"
        className="head-button"
        draggable
        onDragStart={(event) => {
          event.dataTransfer.effectAllowed = "move";
          event.dataTransfer.setData("text/plain", column.id);
          onDrag();
        }}
        disabled={!sortable}
        title={[columnTitle(column.id), note].filter(Boolean).join(" · ")}
        onClick={() => onSort({ id: column.id, descending: sorted ? !sort.descending : column.id !== "name" })}
      >
        <span className="head-text">{columnTitle(column.id)}</span>
        {note && <small>{note}</small>}
        {sorted && <Icon name={sort.descending ? "down" : "up"} size={12} />}
      </button>
      <span className="resize" onPointerDown={startResize} aria-hidden="true" />
    </div>
  );
}
