import type { ReportPanel } from "../../api/reports";

const ROW = 40; // pixels of a grid's row; styles/reports.css has it too
const HEAD = 44;

/** The height of a panel's plot, from the rows that it spans. */
export function heightOf(panel: ReportPanel): number {
  return Math.max(180, panel.layout.h * ROW - HEAD);
}
