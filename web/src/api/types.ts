/** The shapes of the native HTTP API (docs/formats/native-api.md). Times are microseconds since 1970 UTC, 0 for none. */

/** A number as JSON can carry it: non-finite numbers and large integers are texts. */
export type WireNumber = number | string;
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Status = "running" | "finished" | "failed" | "killed" | "crashed";

export interface Project {
  name: string;
  runs: number;
  running: number;
  last_activity: number;
  created_at: number;
  description: string;
  title: string;
}

export interface MetricSummary {
  last: Json;
  step: WireNumber;
  time: number;
  min: WireNumber | null;
  min_step: WireNumber;
  max: WireNumber | null;
  max_step: WireNumber;
  mean: WireNumber | null;
  best: WireNumber | null;
  count: number;
}

export interface MetricDefinition {
  goal: string;
  summary: string;
  step_metric: string;
  volatile: boolean;
}

export interface FileItem {
  path: string;
  digest: string;
  size: number;
  mime?: string;
  uri?: string; // where the bytes are, when a version only refers to them
}

export interface InputItem extends FileItem {
  recorded: string;
  tracked_by: string;
  out?: string;
  version?: string;
  declared?: boolean;
}

export interface Use {
  ref: string;
  version: string;
  path: string;
  digest: string;
  size: number;
}

export interface Omitted {
  path: string;
  reason: string;
}

export interface Code {
  commit: string;
  branch: string;
  dirty: boolean;
  remote?: string;
  diff?: { digest: string; size: number } | null;
  diff_stat?: string;
  untracked?: FileItem[];
  skipped?: Omitted[];
  withheld?: Omitted[];
  entry?: string;
}

export interface Environment {
  python: string;
  implementation: string;
  packages?: [string, string, string][];
  os: string;
  cpu: string;
  cpus: number;
  memory: number;
  gpus: string[];
  cuda: string;
  variables?: Record<string, string>;
  hostname: string;
}

export interface Failure {
  type: string;
  message: string;
  traceback: string;
}

export interface Verdict {
  of: string;
  verdict: string;
  first_difference?: Record<string, Json> | null;
  missing?: string[];
  compared?: Record<string, Json>;
  not_compared?: Record<string, Json>;
}

export interface SegmentInfo {
  id: string;
  writer: string;
  host: string;
  pid: number;
  rank: number;
  began: number;
  seen: number;
  ended: boolean;
}

export interface Alert {
  title: string;
  text: string;
  level: string;
}

/** A run. The optional parts are left out of lists. */
export interface Run {
  id: string;
  project: string;
  name: string;
  status: Status;
  created_at: number;
  ended_at: number;
  seen_at: number;
  duration: number;
  user: string;
  host: string;
  group: string;
  job_type: string;
  parent: string;
  notes: string;
  command?: string[];
  cwd?: string;
  executable?: string;
  config: Record<string, Json>;
  tags: Record<string, string>;
  summary: Record<string, Json>;
  exit_code: number | null;
  signal: number | null;
  error: Failure | null;
  metrics: Record<string, MetricSummary>;
  definitions?: Record<string, MetricDefinition>;
  files?: FileItem[];
  uses?: Use[];
  versions?: string[];
  inputs?: InputItem[];
  opened?: Record<string, string>;
  outputs?: FileItem[];
  code: Code | null;
  environment?: Environment | null;
  captured?: { began: number; ended: number; changed: string[] } | null;
  seeds?: Record<string, Json>;
  alerts?: Alert[];
  verdict: Verdict | null;
  segments?: SegmentInfo[];
  damage: string[];
  deleted_at: number;
  archived: boolean;
  revision: number;
}

export interface RunPage {
  runs: Run[];
  next: string;
  total: number;
}

export interface MetricKey {
  name: string;
  kind: string;
  runs: number;
}

export interface Series {
  kind: "float" | "int" | "bool" | "text" | "media" | "mixed";
  steps: WireNumber[];
  times: number[];
  values: Json[];
  total?: number;
  sampled?: boolean;
}

export interface ConsoleLine {
  n: number;
  stream: string;
  time: number;
  text: string;
}

export interface ConsolePage {
  lines: ConsoleLine[];
  last: number;
  total: number;
}

export interface Collection {
  name: string;
  type: string;
  versions: number;
  latest: number;
  aliases: Record<string, number>;
  updated_at: number;
  size: number;
}

export interface Version {
  project: string;
  name: string;
  type: string;
  number: number;
  digest: string;
  size: number;
  files: number;
  created_at: number;
  run: string;
  aliases: string[];
  description: string;
  metadata: Record<string, Json>;
  tags: Record<string, string>;
  actor: string;
  entries?: FileItem[];
}

export interface PointerChange {
  project: string;
  name: string;
  alias: string;
  number: number | null;
  before: number | null;
  actor: string;
  at: number;
  reason: string;
}

/** One entry in the history of a model: who changed what, when, from what, to what, and why. */
export interface ModelChange {
  at: number;
  kind: string;
  subject: string;
  from: string;
  to: string;
  actor: string;
  reason: string;
}

export interface Protection {
  alias: string;
  reviewers: string[];
  approvals: number;
  gates: string[];
  own_requests: boolean;
}

export interface GateFinding {
  gate: string;
  passed: boolean;
  detail: string;
}

/** A wish to move a protected pointer. */
export interface MoveRequest {
  project: string;
  name: string;
  number: number;
  alias: string;
  version: number | null;
  before: number | null;
  actor: string;
  at: number;
  reason: string;
  state: "pending" | "promoted" | "rejected" | "withdrawn";
  reviews: { actor: string; at: number; is_approval: boolean; comment: string }[];
  findings: GateFinding[];
  checked_against: number | null;
}

export interface DataUse {
  run: string;
  project: string;
  name: string;
  status: Status;
  created_at: number;
  version: string;
}

export interface Recorded {
  version: string;
  size: number | null;
  files: number | null;
  commit: string;
  at: number;
  author: string;
  message: string;
  record: string;
}

export interface Dataset {
  name: string;
  current: Recorded | null;
  runs: number;
  last_run: number;
}

export interface DatasetVersion {
  recorded: Recorded;
  is_stored: boolean;
  is_current: boolean;
  runs: DataUse[];
}

export interface DatasetFile {
  path: string;
  md5: string;
  size: number | null;
  change: "" | "+" | "-" | "~";
}

export interface DatasetTree {
  files: DatasetFile[];
  total: number;
  size: number;
  stored: number;
  added: number;
  removed: number;
  changed: number;
}

export type StageStatus = "waiting" | "running" | "ran" | "failed" | "not reached" | "unchanged" | "restored" | "pulled" | "verified" | "skipped";

export interface Stage {
  name: string;
  kind: "stage" | "data";
  status: StageStatus;
  needs: string[];
  reads: string[];
  writes: string[];
  run: string;
  began: number;
  ended: number;
  error: string;
  outs: FileItem[];
}

/** A reproduction; a list leaves its stages out. */
export interface Pipeline {
  group: string;
  status: "running" | "failed" | "killed" | "finished";
  began: number;
  ended: number;
  user: string;
  commit: string;
  branch: string;
  counts: Partial<Record<StageStatus, number>>;
  stages: Stage[];
}

export interface PipelinePage {
  pipelines: Pipeline[];
  before: number;
}

export type Part = "code" | "data" | "params" | "environment" | "seed" | "hardware";

export interface FileChange {
  path: string;
  change: "+" | "-" | "~";
  part: Part | "";
  is_used: boolean;
  diff: string;
  added: number;
  removed: number;
  note: "" | "binary" | "too long" | "not here";
}

export interface CodeChanges {
  files: FileChange[];
  total: number;
  reason: string;
}

export interface TableChange {
  rows: [number, number];
  columns_added: string[];
  columns_removed: string[];
  rows_added: number;
  rows_removed: number;
  rows_changed: number;
  key: string;
  cells_changed: Record<string, number>;
  examples: CellChange[];
}

export interface CellChange {
  key: string;
  column: string;
  old: string;
  new: string;
}

export interface WhySide {
  run: string;
  name: string;
  value: WireNumber;
  created_at: number;
}

export interface Change {
  what: string;
  old: Json;
  new: Json;
  is_used: boolean;
}

export interface WhyPart {
  part: Part;
  changed: boolean;
  /** The beginning of what differs, what a run used first. */
  detail: Change[];
  total: number;
  share: number | null;
  spread: number | null;
}

export interface Differences {
  parts: WhyPart[];
  notes: string[];
}

/** `cause`: a part, several, "cannot be separated", or none where nothing changed. */
export interface Why {
  metric: string;
  goal: string;
  before: WhySide;
  after: WhySide;
  parts: WhyPart[];
  cause: string | string[];
  reason: string;
  was_measured: boolean;
  variants: { from_run: string[]; values: WireNumber[] }[];
  notes: string[];
}

export interface LineageNode {
  id: string;
  kind: "run" | "data" | "version";
  name: string;
  version: string;
  title: string;
  type: string;
  status: Status | "";
  at: number;
  aliases: string[];
  stage: string;
  /** How many neighbours there are; null where nobody has looked. */
  above: number | null;
  below: number | null;
  /** Where it is, when that is another project. */
  project: string;
}

export interface LineageLink {
  source: string;
  target: string;
}

export interface Lineage {
  start: string;
  nodes: LineageNode[];
  links: LineageLink[];
  is_cut: boolean;
}

export interface Me {
  name: string;
  level: string;
  projects: Record<string, string> | null;
}

export interface RunChange {
  name?: string;
  notes?: string;
  group?: string;
  tags?: Record<string, string>;
  tags_removed?: string[];
  archived?: boolean;
  revision?: number;
}

export interface RunsChanged {
  revision: number;
  runs: string[];
}

export interface PointsEvent {
  run: string;
  series: Record<string, Series>;
  console: ConsoleLine[];
  status: Status;
}
