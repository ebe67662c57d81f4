import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactElement, type RefObject, useEffect, useMemo } from "react";
import type { Run } from "../api/types";
import type { RunStyle } from "../lib/color";
import { formatValue } from "../lib/format";
import { t } from "../messages";
import { cellValue, type Column, columnTitle, LEAD } from "./columns";
import type { Sort } from "./asked";
import { HeaderRow } from "./HeaderRow";
import { Row } from "./Row";
import type { RunPages } from "./useRunPages";

const ROW = 34;

export interface TableProps {
  pages: RunPages;
  columns: readonly Column[];
  onColumns: (columns: Column[]) => void;
  sort: Sort;
  onSort: (sort: Sort) => void;
  group: string;
  shown: ReadonlySet<string>;
  onShow: (run: string, on: boolean, range: boolean) => void;
  selected: ReadonlySet<string>;
  onSelect: (run: string, on: boolean, range: boolean) => void;
  onSelectAll: (on: boolean) => void;
  baseline: Run | undefined;
  onBaseline: (run: string) => void;
  styleOf: (run: string) => RunStyle;
  scroller: RefObject<HTMLDivElement | null>;
}

type Item = { kind: "run"; run: Run; index: number } | { kind: "group"; value: string } | { kind: "pending" };

/** The runs as rows. Only rows on screen exist; pages are fetched as the reader comes near them. */
export function RunTable(props: TableProps): ReactElement {
  const { pages, columns, group, scroller, baseline } = props;
  const items = useMemo(() => withGroups(pages.rows, group), [pages.rows, group]);
  const pending = Math.max(0, pages.total - pages.rows.length);
  const count = items.length + pending;
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
  });
  const visible = virtual.getVirtualItems();
  const lastVisible = visible.at(-1)?.index ?? 0;
  useEffect(() => {
    if (lastVisible + 60 >= items.length && pages.hasMore) pages.loadMore();
  }, [lastVisible, items.length, pages]);

  const width = LEAD + columns.reduce((sum, column) => sum + column.width, 0);
  return (
    <div className="table-scroll" ref={scroller} tabIndex={0} role="region" aria-label={t("runs.table")}>
      <div className="table" role="table" aria-rowcount={pages.total + 1} aria-colcount={columns.length + 1} style={{ width }}>
        <HeaderRow {...props} />
        {baseline && (
          <div className="baseline-row">
            <Row {...props} run={baseline} index={-1} pinnedRow />
          </div>
        )}
        <div className="table-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
          {visible.map((place) => {
            const item = items[place.index] ?? ({ kind: "pending" } as Item);
            const style = { transform: `translateY(${place.start}px)`, height: ROW };
            return (
              <div key={item.kind === "run" ? item.run.id : `${item.kind}${place.index}`} className="row-place" style={style} role="presentation">
                {item.kind === "run" && <Row {...props} run={item.run} index={item.index} />}
                {item.kind === "group" && <GroupRow column={group} value={item.value} />}
                {item.kind === "pending" && <div className="row pending" aria-hidden="true" />}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function GroupRow({ column, value }: { column: string; value: string }): ReactElement {
  return (
    <div className="row group-row" role="row">
      <div role="cell" className="group-cell">
        <small>{columnTitle(column)}</small> {value || t("runs.group.none")}
      </div>
    </div>
  );
}

/** The server sorted by the group first: a new value begins a new group. */
function withGroups(rows: readonly Run[], group: string): Item[] {
  const items: Item[] = [];
  let before: string | undefined;
  rows.forEach((run, index) => {
    if (group) {
      const value = formatValue(cellValue(run, group));
      if (value !== before) items.push({ kind: "group", value });
      before = value;
    }
    items.push({ kind: "run", run, index });
  });
  return items;
}
