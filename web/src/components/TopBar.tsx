import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api } from "../api/client";
import type { Me } from "../api/types";
import { to } from "../lib/router";
import { setTheme, useDark } from "../lib/theme";
import { WaitingBadge } from "../pages/Waiting";
import { LANGUAGES, setLanguage, t, useLanguage } from "../messages";
import { IconButton, Link, showCurrent } from "./basic";
import { QuickSearch } from "./QuickSearch";

/** Where one is, the areas of a project, and the choices of the reader. */
export function TopBar({ path, me }: { path: string[]; me: Me | undefined }): ReactElement {
  const run = path[0] === "runs" ? (path[1] ?? "") : "";
  const found = useQuery({ queryKey: ["run", run], queryFn: ({ signal }) => api.run(run, signal), enabled: run !== "" });
  const project = path[0] === "p" ? (path[1] ?? "") : (found.data?.project ?? "");
  const area = path[0] === "p" ? (path[2] ?? "") : "runs";
  const dark = useDark();
  const language = useLanguage();
  return (
    <header className="topbar">
      <Link to={to.projects()} className="brand" title={t("projects")}>
        <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="7" />
          <path d="M7 23V9h18v14h-5v-7h-8v7z" />
        </svg>
        <span>madang</span>
      </Link>
      <nav className="crumbs" aria-label={t("crumbs")}>
        {project && (
          <Link to={to.project(project)} title={project}>
            {project}
          </Link>
        )}
        {run && (
          <span className="crumb-run" title={found.data?.name}>
            {found.data?.name || run.slice(0, 8)}
          </span>
        )}
      </nav>
      {project && (
        <nav className="areas" aria-label={t("areas")} ref={showCurrent}>
          <Link to={to.project(project)} current={["", "runs", "compare"].includes(area)}>
            {t("runs")}
          </Link>
          <Link to={to.pipelines(project)} current={area === "pipelines"}>
            {t("pipelines")}
          </Link>
          <Link to={to.sweeps(project)} current={area === "sweeps"}>
            {t("sweeps")}
          </Link>
          <Link to={to.datasets(project)} current={area === "data"}>
            {t("datasets")}
          </Link>
          <Link to={to.models(project)} current={area === "models"}>
            {t("models")}
          </Link>
          <Link to={to.artifacts(project)} current={area === "artifacts"}>
            {t("artifacts")}
          </Link>
          <Link to={to.reports(project)} current={area === "reports"}>
            {t("reports")}
          </Link>
        </nav>
      )}
      <span className="grow" />
      <QuickSearch project={project} />
      {me && <WaitingBadge />}
      {me?.name && <span className="me wide-only">{me.name}</span>}
      <select className="language" aria-label={t("language")} value={language} onChange={(event) => setLanguage(event.target.value)}>
        {LANGUAGES.map(([code, name]) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </select>
      <IconButton icon={dark ? "sun" : "moon"} label={t(dark ? "theme.light" : "theme.dark")} onClick={() => setTheme(dark ? "light" : "dark")} />
    </header>
  );
}
