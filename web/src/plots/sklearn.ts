/** The charts of `wandb.sklearn`, by the name of their definition: their tables have columns of fixed names. */
import type { PlotSpec } from "../vega/spec";
import type { Making, Row } from "./builtin";

const LINE = { type: "line", tooltip: true, point: true };
const POINT = { type: "point", filled: true, size: 36, opacity: 0.8, tooltip: true };
const DASHED = { type: "rule", strokeDash: [5, 4], opacity: 0.6 };
const loose = { scale: { zero: false } };

/** A line at the value of a column that is the same in all rows. */
const limit = (axis: "x" | "y", field: string): Row => ({ mark: { ...DASHED, tooltip: true }, encoding: { [axis]: { aggregate: "max", field, type: "quantitative" } } });

export const SKLEARN: Record<string, (making: Making) => PlotSpec> = {
  learning_curve: ({ channel }) => ({ mark: LINE, encoding: { x: channel("train_size"), y: channel("score", loose), color: channel("dataset", { title: null, sort: null }) } }),
  class_proportions: ({ channel }) => ({
    mark: { type: "bar", tooltip: true },
    encoding: { x: channel("class", { type: "nominal", sort: null, axis: { labelAngle: 0 } }), xOffset: { field: "dataset", sort: null }, y: channel("count"), color: channel("dataset", { title: null, sort: null }) },
  }),
  metrics: ({ channel }) => {
    const value = channel("metric_value", { type: "quantitative", title: null });
    return {
      encoding: { y: channel("metric_name", { type: "nominal", sort: null, title: null }), x: value },
      layer: [{ mark: { type: "bar", tooltip: true } }, { mark: { type: "text", align: "left", dx: 4 }, encoding: { text: value } }],
    };
  },
  feature_importances: ({ channel }) => ({ mark: { type: "bar", tooltip: true }, encoding: { y: channel("feature_names", { type: "nominal", sort: null }), x: channel("importances") } }),
  residuals_plot: ({ channel }) => ({
    layer: [
      { mark: POINT, encoding: { x: channel("y_pred", loose), y: channel("residuals"), color: channel("dataset", { title: null, sort: null }) } },
      { mark: DASHED, encoding: { y: { datum: 0 } } },
    ],
  }),
  calibration: ({ channel }) => ({
    mark: LINE,
    encoding: { x: channel("mean_predicted_value"), y: channel("fraction_of_positives"), color: channel("model", { title: null, sort: null, legend: { columns: 2 } }) },
  }),
  outliers: ({ channel }) => ({
    layer: [{ mark: POINT, encoding: { x: channel("instance_indicies"), y: channel("distance") } }, limit("y", "influence_threshold")],
  }),
  elbow: ({ channel }) => ({ mark: LINE, encoding: { x: channel("cluster_ranges", loose), y: channel("errors", loose), tooltip: ["cluster_ranges", "errors", "clustering_time"].map((name) => channel(name)) } }),
  silhouette_: ({ channel }) => ({
    layer: [
      { mark: { type: "rule", tooltip: true }, encoding: { y: channel("y_sil", { axis: null }), x: channel("x1", { title: "silhouette" }), x2: { field: "x2" }, color: channel("color_sil", { type: "nominal", title: null }) } },
      limit("x", "silhouette_avg"),
    ],
  }),
  decision_boundaries: ({ channel }) => ({ mark: POINT, encoding: { x: channel("x", loose), y: channel("y", loose), color: channel("color", { type: "nominal", title: null }) } }),
};
