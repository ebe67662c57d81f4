import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Component, type ReactElement, type ReactNode, useEffect, useState } from "react";
import { api, ApiError } from "./api/client";
import { Empty, ErrorBox, Link, Loading } from "./components/basic";
import { Toasts } from "./components/overlay";
import { TopBar } from "./components/TopBar";
import { foreignHash, foreignPath } from "./lib/foreign";
import { to, useParam, usePath } from "./lib/router";
import { sharedLink } from "./lib/sharedLink";
import { t, useLanguage } from "./messages";
import { ArtifactPage } from "./pages/Artifact";
import { ArtifactsPage } from "./pages/Artifacts";
import { AuthorizePage } from "./pages/Authorize";
import { ComparePage } from "./pages/Compare";
import { DatasetPage } from "./pages/Dataset";
import { DatasetsPage } from "./pages/Datasets";
import { ForeignLink } from "./pages/ForeignLink";
import { LineagePage } from "./pages/Lineage";
import { PipelinePage } from "./pages/Pipeline";
import { PipelinesPage } from "./pages/Pipelines";
import { ProjectsPage } from "./pages/Projects";
import { ReportPage } from "./pages/Report";
import { ReportsPage } from "./pages/Reports";
import { RunPageView } from "./pages/Run";
import { RunsPage } from "./pages/Runs";
import { SignIn } from "./pages/SignIn";
import { SweepPage } from "./pages/Sweep";
import { SweepsPage } from "./pages/Sweeps";
import { WaitingPage } from "./pages/Waiting";

export function App(): ReactElement {
  const language = useLanguage();
  const path = usePath();
  const me = useQuery({ queryKey: ["me"], queryFn: ({ signal }) => api.me(signal), staleTime: Number.POSITIVE_INFINITY });
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = [path[0] === "p" ? path[1] : "", "madang"].filter(Boolean).join(" · ");
  }, [language, path]);
  const isNobody = me.data?.level === "none" && Object.keys(me.data.projects ?? {}).length === 0; // a token may open some projects only
  const mustSignIn = isNobody || (me.error instanceof ApiError && me.error.status === 401);
  const entering = useSharedLink(mustSignIn);
  if (mustSignIn) return entering ? <Loading /> : <SignIn />;
  return (
    <>
      <a className="skip" href="#content">
        {t("skip")}
      </a>
      <TopBar path={path} me={me.data} />
      <div id="content" className="content" key={language}>
        <Guard key={path.join("/")}>{route(path)}</Guard>
      </div>
      <Toasts />
    </>
  );
}

/** Lets in who followed a link to a report; true while that goes on. Who is signed in keeps what they may. */
function useSharedLink(mustSignIn: boolean): boolean {
  const client = useQueryClient();
  const [state, setState] = useState<"before" | "entering" | "over">("before");
  useEffect(() => {
    if (!mustSignIn || state !== "before") return;
    const link = sharedLink();
    if (!link) return setState("over");
    setState("entering");
    api.signIn(link).then(() => client.resetQueries(), () => undefined).finally(() => setState("over"));
  }, [mustSignIn, state, client]);
  return state !== "over";
}

function route(path: string[]): ReactElement {
  const [area, name = "", section = "", item = ""] = path;
  if (area === undefined) {
    const link = foreignHash(location.hash);
    return link ? <ForeignLink link={link} /> : <ProjectsPage />;
  }
  if (area === "authorize") return <AuthorizePage />;
  if (area === "reviews" && path.length === 1) return <WaitingPage />;
  if (area === "runs" && name) return <RunPageView id={name} tab={section || "overview"} />;
  if (area === "p" && name) {
    if (!section) return <RunsPage key={name} project={name} />;
    if (section === "compare") return <ComparePage project={name} />;
    if (section === "pipelines") return item ? <PipelinePage project={name} group={item} /> : <PipelinesPage project={name} />;
    if (section === "sweeps") return item ? <SweepPage key={item} project={name} id={item} /> : <SweepsPage project={name} />;
    if (section === "reports") return item ? <ReportPage key={item} project={name} id={item} /> : <ReportsPage project={name} />;
    if (section === "lineage") return <LineagePage project={name} />;
    if (section === "data") return <DataArea project={name} />;
    if (section === "models" || section === "artifacts")
      return item ? <ArtifactPage project={name} name={item} area={section} /> : <ArtifactsPage project={name} area={section} />;
  }
  const link = area === "p" || area === "runs" ? null : foreignPath(path);
  if (link) return <ForeignLink link={link} />;
  return (
    <main className="page narrow">
      <Empty title={t("notfound")}>
        <p>
          <Link to={to.projects()}>{t("notfound.home")}</Link>
        </p>
      </Empty>
    </main>
  );
}

/** A tracked path has slashes, so that it stands in the query. */
function DataArea({ project }: { project: string }): ReactElement {
  const [name] = useParam("of");
  return name ? <DatasetPage key={name} project={project} name={name} /> : <DatasetsPage project={project} />;
}

/** A page that breaks says so; the rest of the frame stays usable. */
class Guard extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === null) return this.props.children;
    return (
      <main className="page">
        <ErrorBox error={this.state.error} onRetry={() => this.setState({ error: null })} />
      </main>
    );
  }
}
