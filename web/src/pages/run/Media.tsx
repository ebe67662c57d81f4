import { type ReactElement, useMemo } from "react";
import type { Run } from "../../api/types";
import { Empty } from "../../components/basic";
import { MediaSections } from "../../media/MediaSections";
import { t } from "../../messages";

/** Images, tables, histograms, plots and texts that the run logged, by step. */
export function MediaTab({ run }: { run: Run }): ReactElement | null {
  const runs = useMemo(() => [run], [run]);
  return <MediaSections project={run.project} runs={runs} none={<Empty title={t("media.none")} />} />;
}
