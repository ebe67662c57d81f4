import { type ReactElement, useMemo, useState } from "react";
import { Choice, ErrorBox, Loading } from "../components/basic";
import { Icon } from "../components/Icon";
import { useDark } from "../lib/theme";
import { t } from "../messages";
import type { Item } from "../media/pointer";
import { tableOf } from "../media/table";
import { TableView } from "../media/TableView";
import { useJson } from "../media/useFile";
import { VegaView } from "../vega/VegaView";
import { builtinSpec, customSpec, rowsOf, type Visual } from "./builtin";
import { useDefinition } from "./definitions";

const HEIGHT = 300;
const MANY = 4000; // rows from which a plot is drawn as pixels

/** A table that its run wants to be seen as a plot. */
export function VisualView({ visual, item, runName }: { visual: Visual; item: Item; runName: string }): ReactElement {
  const dark = useDark();
  const [view, setView] = useState<"plot" | "table">("plot");
  const found = useJson(item.path);
  const table = useMemo(() => (found.data === undefined ? null : tableOf([found.data])), [found.data]);
  const builtin = useMemo(() => (table ? builtinSpec(visual, table, dark) : null), [visual, table, dark]);
  const definition = useDefinition(table && !builtin ? visual.definition : "");
  const spec = useMemo(() => builtin ?? (table && definition ? customSpec(definition, visual, rowsOf(table, { name: runName })) : null), [builtin, table, definition, visual, runName]);
  if (found.error) return <ErrorBox error={found.error} onRetry={() => void found.refetch()} />;
  if (!table || definition === null) return <Loading />;
  return (
    <figure className="figure">
      {spec && view === "plot" ? (
        <VegaView spec={spec} many={table.rows.length > MANY} height={HEIGHT} label={visual.texts["title"] || visual.key} />
      ) : (
        <TableView table={table} name={visual.key} />
      )}
      {!spec && (
        <p className="notice warn">
          <Icon name="warning" /> {t("plot.unknown", { name: visual.definition })}
        </p>
      )}
      {spec && <Choice label={t("view")} value={view} options={[["plot", t("plot.plot")], ["table", t("view.table")]]} onChange={setView} />}
    </figure>
  );
}
