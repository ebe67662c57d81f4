import { memo, type ReactElement } from "react";
import type { Run } from "../api/types";
import { Icon } from "../components/Icon";
import { setHovered, useIsHovered } from "../lib/hover";
import { t } from "../messages";
import { Cell } from "./cells";
import { type Column, isNumeric, LEAD } from "./columns";
import type { TableProps } from "./RunTable";

type Props = Pick<TableProps, "columns" | "shown" | "onShow" | "selected" | "onSelect" | "baseline" | "onBaseline" | "styleOf"> & {
  run: Run;
  index: number;
  pinnedRow?: boolean;
};

export function Row({ run, shown, selected, styleOf, baseline, ...rest }: Props): ReactElement {
  return (
    <RowView
      {...rest}
      run={run}
      baseline={baseline}
      on={shown.has(run.id)}
      checked={selected.has(run.id)}
      color={styleOf(run.id).color}
    />
  );
}

type ViewProps = Omit<Props, "shown" | "selected" | "styleOf"> & { on: boolean; checked: boolean; color: string };

const RowView = memo(function RowView({ run, index, columns, on, onShow, checked, onSelect, color, baseline, onBaseline, pinnedRow }: ViewProps) {
  const hovered = useIsHovered(run.id);
  const name = run.name || run.id.slice(0, 8);
  const isBaseline = baseline?.id === run.id;
  return (
    <div
      className={`row${checked ? " selected" : ""}${hovered ? " hovered" : ""}${pinnedRow ? " pinned-row" : ""}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={checked}
      data-run={run.id}
      onMouseEnter={() => setHovered(on ? run.id : "")}
      onMouseLeave={() => setHovered("")}
    >
      <div className="cell lead" role="cell" style={{ width: LEAD }}>
        <input
          type="checkbox"
          checked={checked}
          aria-label={t("runs.select", { name })}
          onClick={(event) => onSelect(run.id, !checked, event.shiftKey)}
          onChange={() => undefined}
        />
        <button
          type="button"
          className="eye"
          aria-pressed={on}
          aria-label={t("runs.show", { name })}
          title={t("runs.show", { name })}
          style={on ? { color } : {}}
          onClick={(event) => onShow(run.id, !on, event.shiftKey)}
        >
          <i className="swatch" />
          <Icon name={on ? "eye" : "eyeOff"} size={14} />
        </button>
        <button
          type="button"
          className="pin"
          aria-pressed={isBaseline}
          aria-label={t(isBaseline ? "runs.baseline.off" : "runs.baseline.on", { name })}
          title={t(isBaseline ? "runs.baseline.off" : "runs.baseline.on", { name })}
          onClick={() => onBaseline(isBaseline ? "" : run.id)}
        >
          <Icon name="pin" size={13} />
        </button>
      </div>
      {columns.map((column, at) => (
        <div key={column.id} className={cellClass(column)} role="cell" style={cellStyle(columns, at)}>
          <Cell run={run} id={column.id} baseline={baseline} />
        </div>
      ))}
    </div>
  );
});

export function cellClass(column: Column): string {
  return `cell${column.pinned ? " pinned" : ""}${isNumeric(column.id) ? " right" : ""}`;
}

/** Pinned columns stand at the left, one after another. */
export function cellStyle(columns: readonly Column[], at: number): { width: number; left?: number } {
  const column = columns[at];
  if (!column) return { width: 0 };
  if (!column.pinned) return { width: column.width };
  const left = columns.slice(0, at).reduce((sum, other) => (other.pinned ? sum + other.width : sum), LEAD);
  return { width: column.width, left };
}
