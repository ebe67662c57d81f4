import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../../api/client";
import type { Json } from "../../api/types";
import { ErrorBox, Loading } from "../../components/basic";
import { formatValue } from "../../lib/format";
import { t } from "../../messages";

const SHOWN = 200;

/** A logged table: `{"columns": [...], "data": [[...]]}`. */
export function TableView({ run, path }: { run: string; path: string }): ReactElement {
  const found = useQuery({
    queryKey: ["table", run, path],
    queryFn: async ({ signal }) => JSON.parse(await api.runFileText(run, path, signal)) as { columns: string[]; data: Json[][] },
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (found.error) return <ErrorBox error={found.error} />;
  if (!found.data) return <Loading />;
  const { columns, data } = found.data;
  return (
    <div className="table-wrap">
      <table className="data-table">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column}>{column}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.slice(0, SHOWN).map((row, at) => (
            <tr key={at}>
              {row.map((value, column) => (
                <td key={column} className={typeof value === "number" ? "right" : ""}>
                  {formatValue(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {data.length > SHOWN && <p className="panel-body hint">{t("media.rows", { count: data.length - SHOWN })}</p>}
    </div>
  );
}
