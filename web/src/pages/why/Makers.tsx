import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api } from "../../api/client";
import { ErrorBox, Link, Loading } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { to } from "../../lib/router";
import { t } from "../../messages";
import { PartPanel } from "./Part";

interface Props {
  project: string;
  path: string;
  before: string;
  after: string;
}

/** Where both versions of some data were made by runs: what differed between those, and so on up to where it began. */
export function Makers({ project, path, before, after }: Props): ReactElement | null {
  const [open, setOpen] = useState(false);
  const makerOf = (version: string) => ({
    queryKey: ["maker", project, path, version],
    queryFn: async ({ signal }: { signal: AbortSignal }) => {
      const runs = (await api.lineage(project, `data:${path}@${version}`, 1, 0, signal)).nodes.filter((node) => node.kind === "run");
      return runs.find((node) => node.stage) ?? runs[0] ?? null; // a repetition of a stage has made it, too
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [old, now] = [useQuery(makerOf(before)).data, useQuery(makerOf(after)).data];
  if (!old || !now || old.id === now.id) return null;
  return (
    <details className="panel-body data-makers" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("data.makers", { name: now.stage || now.title })}</summary>
      {open && <Upstream project={project} before={old.name} after={now.name} />}
    </details>
  );
}

/** What differed between two runs further up. */
function Upstream({ project, before, after }: { project: string; before: string; after: string }): ReactElement {
  const found = useQuery({ queryKey: ["differences", before, after], queryFn: ({ signal }) => api.differences(after, before, signal), staleTime: 60_000 });
  if (!found.data) return found.error ? <ErrorBox error={found.error} onRetry={() => void found.refetch()} /> : <Loading />;
  const changed = found.data.parts.filter((part) => part.changed);
  return (
    <div className="stack">
      {changed.length === 0 && <p className="hint">{t("why.nothing")}</p>}
      {changed.map((part) => (
        <PartPanel key={part.part} project={project} before={before} after={after} part={part} />
      ))}
      <p>
        <Link to={to.compare(project, [before, after])}>
          {t("data.makers.compare")} <Icon name="right" size={12} />
        </Link>
      </p>
    </div>
  );
}
