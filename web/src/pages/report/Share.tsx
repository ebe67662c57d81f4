import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import { api, oneLine } from "../../api/client";
import type { Block, Report } from "../../api/reports";
import { Snippet } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { Popover, toast } from "../../components/overlay";
import { to } from "../../lib/router";
import { t } from "../../messages";

/** The projects whose runs the report shows. */
const projectsOf = (blocks: readonly Block[]): string[] =>
  blocks.flatMap((block) => (block.type === "panels" ? block.run_sets.map((set) => set.project) : block.type === "heading" ? projectsOf(block.blocks) : [])).filter(Boolean);

/** For admins of its project: a link by which anyone may look at a report until it is ended. */
export function Share({ report }: { report: Report }): ReactElement | null {
  const me = useQuery({ queryKey: ["me"], queryFn: ({ signal }) => api.me(signal), staleTime: Number.POSITIVE_INFINITY });
  const isAdmin = me.data?.level === "admin" || me.data?.projects?.[report.project] === "admin";
  if (!isAdmin) return null;
  return (
    <Popover label={t("report.share")} align="left" button={<><Icon name="link" /> {t("report.share")}</>}>
      {() => <Links report={report} />}
    </Popover>
  );
}

function Links({ report }: { report: Report }): ReactElement {
  const found = useQuery({ queryKey: ["report-links", report.project, report.id], queryFn: ({ signal }) => api.reportLinks(report.project, report.id, signal) });
  const [busy, setBusy] = useState(false);
  const change = async (work: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await work();
      await found.refetch();
    } catch (error) {
      toast(oneLine(error), { bad: true });
    } finally {
      setBusy(false);
    }
  };
  const [link] = found.data ?? [];
  const projects = [...new Set([report.project, ...projectsOf(report.blocks)])];
  return (
    <div className="share">
      <p>{t("report.share.what", { projects: (link?.projects ?? projects).join(", ") })}</p>
      {link ? (
        <>
          <Snippet code={`${location.origin}${to.report(report.project, report.id)}?accessToken=${link.secret}`} />
          <button type="button" className="button" disabled={busy} onClick={() => void change(() => api.endReportLinks(report.project, report.id))}>
            {t("report.share.end")}
          </button>
        </>
      ) : (
        <button type="button" className="button primary" disabled={busy || found.isPending} onClick={() => void change(() => api.makeReportLink(report.project, report.id, projects))}>
          {t("report.share.make")}
        </button>
      )}
    </div>
  );
}
