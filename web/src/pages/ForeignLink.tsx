import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useEffect } from "react";
import { api } from "../api/client";
import { Empty, ErrorBox, Link, Loading } from "../components/basic";
import type { Foreign } from "../lib/foreign";
import { navigate, to } from "../lib/router";
import { t } from "../messages";

/** Leads from an address that another tracker's client printed to the page of what it means. */
export function ForeignLink({ link }: { link: Foreign }): ReactElement {
  const found = useQuery({ queryKey: ["foreign", link], queryFn: ({ signal }) => resolve(link, signal) });
  useEffect(() => {
    if (found.data) navigate(found.data, true);
  }, [found.data]);
  if (found.error) return <main className="page narrow"><ErrorBox error={found.error} onRetry={() => void found.refetch()} /></main>;
  if (found.data !== "") return <main className="page narrow"><Loading label={t("link.looking")} /></main>;
  return (
    <main className="page narrow">
      <Empty title={t("notfound")}>
        {link.kind === "run" && <p>{t("link.none", { project: link.project, name: link.name })}</p>}
        <p>
          <Link to={link.kind === "run" ? to.project(link.project) : to.projects()}>{link.kind === "run" ? link.project : t("notfound.home")}</Link>
        </p>
      </Empty>
    </main>
  );
}

const ID = /^[0-9a-f]{32}$/;

/** The address of our page; empty when there is no such thing. */
async function resolve(link: Foreign, signal: AbortSignal): Promise<string> {
  if (link.kind === "there") return link.address;
  if (link.kind === "project") return to.project(link.project);
  if (link.kind === "experiment") {
    const name = await api.mlflowExperiment(link.number, signal);
    return name && to.project(name);
  }
  const page = await api.runs(link.project, { filter: `tags.\`wandb.id\` = '${link.name.replaceAll("'", "''")}'`, order_by: ["created_at desc"], keys: [""], limit: 1 }, signal);
  const run = page.runs[0]?.id ?? (ID.test(link.name) ? link.name : "");
  return run && to.run(run, link.tab);
}
