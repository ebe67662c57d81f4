/** Sweeps as the native API tells them (docs/formats/native-api.md). */
import type { Json } from "./types";

export type SweepState = "running" | "paused" | "finished" | "cancelled";
export type TrialState = "running" | "waiting" | "finished" | "stopped" | "failed";

export interface SweepSummary {
  id: string;
  project: string;
  name: string;
  description: string;
  method: string;
  state: SweepState;
  priority: number;
  metric: { name: string; goal: "minimize" | "maximize" } | null;
  created_at: number;
  updated_at: number;
  created_by: string;
  run_cap: number | null;
  expected: number | null;
  counts: Record<TrialState, number>;
  agents_alive: number;
  best: { number: number; run: string; name: string; value: Json } | null;
}

export interface SweepParameter {
  name: string;
  kind: "number" | "integer" | "category" | "constant";
  distribution: string;
  is_log: boolean;
  low: number | null;
  high: number | null;
  values: Json[] | null;
  when: Record<string, Json[]>;
}

export interface Trial {
  number: number;
  state: TrialState;
  run: string;
  name: string;
  params: Record<string, Json>;
  value: Json;
  agent: string;
  host: string;
  attempt: number;
  earlier_runs: string[];
  begun_at: number;
  ended_at: number;
  error: string;
}

export interface SweepAgent {
  id: string;
  name: string;
  host: string;
  user: string;
  state: "alive" | "gone" | "done";
  created_at: number;
  seen_at: number;
  running: string[];
  trials: number;
}

export interface Sweep extends SweepSummary {
  config: Json;
  text: string;
  program: string;
  early_terminate: { type: string; bands?: number[]; strict?: boolean } | null;
  parameters: SweepParameter[];
  trials: Trial[];
  curve: { number: number; run: string; at: number; value: Json; best: Json }[];
  importance: { name: string; importance: number; correlation: number | null }[];
  agents: SweepAgent[];
}
