/** Reports as the native API tells them (docs/formats/native-api.md). */
import type { Json } from "./types";

export interface ReportSummary {
  id: string;
  project: string;
  title: string;
  description: string;
  author: string;
  created_at: number;
  updated_at: number;
  is_draft: boolean;
}

/** A link by which anyone may look: its secret, and the projects that it reads. */
export interface ReportLink {
  secret: string;
  projects: string[];
}

export interface Report extends ReportSummary {
  width: "readable" | "fixed" | "fluid";
  blocks: Block[];
}

export interface Span {
  text: string;
  style: string[];
  link: string;
}

export interface Field {
  scope: "metrics" | "params" | "tags" | "attributes";
  key: string;
}

export interface ReportRun {
  id: string;
  name: string;
  color: string;
  is_hidden: boolean;
}

export interface RunSet {
  name: string;
  project: string;
  runs: ReportRun[];
  total: number;
  groups: Field[];
  columns: Field[];
  notes: string[];
}

export interface ListBlock {
  type: "list";
  is_ordered: boolean;
  items: { text: Span[]; checked: boolean | null; list: ListBlock | null }[];
}

export interface PanelsBlock {
  type: "panels";
  run_sets: RunSet[];
  panels: ReportPanel[];
  is_open: boolean;
  hides_run_sets: boolean;
}

export type Block =
  | { type: "heading"; level: number; text: Span[]; blocks: Block[] }
  | { type: "paragraph" | "quote"; text: Span[] }
  | { type: "callout"; lines: Span[][] }
  | ListBlock
  | { type: "code"; language: string; text: string }
  | { type: "markdown" | "latex"; text: string }
  | { type: "image"; url: string; caption: Span[] }
  | { type: "video"; url: string }
  | { type: "rule" | "contents" }
  | { type: "gallery"; links: { url: string; title: string; description: string; image: string }[] }
  | PanelsBlock
  | { type: "unknown"; name: string; text: string };

export type Range = [number | null, number | null];
export type Aggregate = "mean" | "min" | "max" | "median" | "sum" | "samples" | "";

interface Placed {
  title: string;
  layout: { x: number; y: number; w: number; h: number };
}

export interface LinePanel extends Placed {
  type: "line";
  x: Field;
  metrics: string[];
  expressions: string[];
  x_range: Range;
  y_range: Range;
  log_x: boolean;
  log_y: boolean;
  x_title: string;
  y_title: string;
  smoothing: { type: string; weight: number };
  group_by: Field | null;
  aggregate: Aggregate;
  area: string;
  style: "line" | "stacked-area" | "pct-area";
  limit: number;
  colors: Record<string, string>;
  titles: Record<string, string>;
}

export interface ScatterPanel extends Placed {
  type: "scatter";
  x: Field | null;
  y: Field | null;
  z: Field | null;
  x_range: Range;
  y_range: Range;
  log_x: boolean;
  log_y: boolean;
  log_z: boolean;
  has_regression: boolean;
}

export interface BarPanel extends Placed {
  type: "bar" | "scalar";
  metrics: Field[];
  group_by: Field | null;
  aggregate: Aggregate;
  limit: number;
  bar_limit: number;
  is_vertical: boolean;
  x_range: Range;
  x_title: string;
  y_title: string;
  colors: Record<string, string>;
  titles: Record<string, string>;
}

export type ReportPanel =
  | LinePanel
  | ScatterPanel
  | BarPanel
  | (Placed & { type: "parallel"; columns: { field: Field; title: string; is_inverted: boolean; is_log: boolean }[] })
  | (Placed & { type: "importance"; target: Field })
  | (Placed & { type: "runs"; only_differences: boolean })
  | (Placed & { type: "code" })
  | (Placed & { type: "media"; keys: string[]; columns: number })
  | (Placed & { type: "table"; key: string })
  | (Placed & { type: "markdown"; text: string })
  | (Placed & { type: "chart"; chart: string; table: string; keys: string[]; fields: Record<string, string>; texts: Record<string, string> })
  | (Placed & { type: "unknown"; name: string });

export interface ChartDefinition {
  id: string;
  name: string;
  title: string;
  type: string;
  spec: Json;
}
