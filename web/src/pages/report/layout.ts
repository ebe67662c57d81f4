import type { ReportPanel } from "../../api/reports";

const ROW = 48; // pixels of a grid's row and the gap below it; styles/reports.css has them too
const HEAD = 52;

/** The height of a panel's plot, from the rows that it spans. */
export function heightOf(panel: ReportPanel): number {
  return Math.max(180, panel.layout.h * ROW - HEAD);
}
