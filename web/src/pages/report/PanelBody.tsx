import { useQueries } from "@tanstack/react-query";
import { type ReactElement, useMemo } from "react";
import { api } from "../../api/client";
import type { ReportPanel } from "../../api/reports";
import type { Run } from "../../api/types";
import { Link, Loading } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { Markdown } from "../../components/Markdown";
import { navigate, to } from "../../lib/router";
import { MediaPanel } from "../../media/MediaPanel";
import { t } from "../../messages";
import { Parallel } from "../../plots/Parallel";
import { VegaView } from "../../vega/VegaView";
import { sectionsOf } from "../compare/sections";
import { SideBySide } from "../compare/SideBySide";
import { Importance } from "../sweep/Importance";
import { correlations } from "./correlation";
import { LineChart } from "./LineChart";
import { heightOf } from "./layout";
import { type DrawnRun, fieldValue } from "./runs";
import { barSpec, scatterSpec } from "./specs";

const BESIDE = 8; // runs that stand beside each other

interface Props {
  panel: ReportPanel;
  runs: readonly DrawnRun[];
  project: string;
}

/** What a panel shows. */
export function PanelBody({ panel, runs, project }: Props): ReactElement {
  const open = (datum: Record<string, unknown>) => typeof datum["run"] === "string" && navigate(to.run(datum["run"]));
  switch (panel.type) {
    case "line":
      return <LineChart panel={panel} runs={runs} />;
    case "scatter": {
      const spec = scatterSpec(panel, runs);
      return spec ? <VegaView spec={spec} height={heightOf(panel)} label={panel.title || t("plot.plot")} onPick={open} /> : <Nothing />;
    }
    case "bar":
    case "scalar": {
      const spec = barSpec(panel, runs);
      return spec ? <VegaView spec={spec} height={heightOf(panel)} label={panel.title || t("plot.plot")} onPick={open} /> : <Nothing />;
    }
    case "parallel":
      return <ParallelPanel panel={panel} runs={runs} />;
    case "importance":
      return <Importance rows={correlations(runs.map(({ run }) => run), panel.target)} />;
    case "runs":
      return <Beside runs={runs} all={!panel.only_differences} />;
    case "code":
      return (
        <p className="panel-body">
          <Link to={to.compare(project, runs.slice(0, BESIDE).map(({ run }) => run.id))}>{t("compare.code")}</Link>
        </p>
      );
    case "media":
      return (
        <div className="media-grid">
          {panel.keys.map((key) => (
            <Media key={key} name={key} runs={runs} />
          ))}
        </div>
      );
    case "table":
      return <Media name={panel.key} runs={runs} />;
    case "markdown":
      return <Markdown text={panel.text} />;
    case "chart":
      return panel.table ? (
        <Media name={panel.texts["title"] || panel.title || panel.table} runs={runs} visual={{ key: panel.table, table: panel.table, definition: panel.chart, fields: panel.fields, texts: panel.texts }} />
      ) : (
        <Unknown name={panel.chart} />
      );
    default:
      return <Unknown name={panel.name} />;
  }
}

const Nothing = () => <p className="panel-body hint">{t("report.nothing")}</p>;

function Unknown({ name }: { name: string }): ReactElement {
  return (
    <p className="notice">
      <Icon name="warning" /> {t("report.unknown", { name })}
    </p>
  );
}

function Media({ name, runs, visual = null }: { name: string; runs: readonly DrawnRun[]; visual?: Parameters<typeof MediaPanel>[0]["entry"]["visual"] }): ReactElement {
  const key = visual?.table ?? name;
  const shown = useMemo(() => runs.map(({ run }) => run).filter((run) => run.metrics[key] !== undefined).slice(0, BESIDE), [runs, key]);
  const names = new Map(runs.map(({ run, name: title }) => [run.id, title]));
  if (shown.length === 0) return <Nothing />;
  return <MediaPanel entry={{ name, key, visual }} runs={shown} titleOf={shown.length > 1 ? (run) => names.get(run.id) ?? "" : undefined} />;
}

function ParallelPanel({ panel, runs }: { panel: Extract<ReportPanel, { type: "parallel" }>; runs: readonly DrawnRun[] }): ReactElement {
  const axes = panel.columns.map(({ field, title, is_inverted, is_log }, at) => ({ name: String(at), title: title || field.key, isInverted: is_inverted, isLog: is_log }));
  const lines = runs.map(({ run, name }) => ({ id: run.id, title: name, values: Object.fromEntries(panel.columns.map(({ field }, at) => [String(at), fieldValue(run, field)])) }));
  return <Parallel axes={axes} lines={lines} colorBy={String(panel.columns.length - 1)} label={panel.title || t("sweep.parallel")} onPick={(run) => navigate(to.run(run))} />;
}

/** Runs in full beside each other. */
function Beside({ runs, all }: { runs: readonly DrawnRun[]; all: boolean }): ReactElement {
  const found = useQueries({ queries: runs.slice(0, BESIDE).map(({ run }) => ({ queryKey: ["run", run.id], queryFn: ({ signal }: { signal: AbortSignal }) => api.run(run.id, signal) })) });
  const full = found.map((query) => query.data).filter((run): run is Run => run !== undefined);
  const ready = full.map((run) => run.id).join();
  const sections = useMemo(() => sectionsOf(full), [ready]);
  if (full.length === 0) return <Loading />;
  return <SideBySide runs={full} sections={sections} all={all} onBaseline={() => undefined} onRemove={undefined} />;
}
