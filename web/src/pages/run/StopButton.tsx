import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { api, oneLine } from "../../api/client";
import type { Run } from "../../api/types";
import { Icon } from "../../components/Icon";
import { toast } from "../../components/overlay";
import { STOP } from "../../lib/stages";
import { t } from "../../messages";

/** Asks a running run to end. Clients that look whether they should (W&B's does) end by themselves. */
export function StopButton({ run, onChanged }: { run: Run; onChanged: () => void }): ReactElement | null {
  const me = useQuery({ queryKey: ["me"], queryFn: ({ signal }) => api.me(signal), staleTime: Number.POSITIVE_INFINITY });
  const isHeard = run.tags["wandb.id"] !== undefined;
  if (!isHeard) return null;
  if (run.tags[STOP] !== undefined) return <span className="tag warn">{t("run.stop.asked")}</span>;
  const stop = async () => {
    try {
      await api.changeRun(run.id, { tags: { [STOP]: me.data?.name ?? "" } });
      toast(t("run.stop.done"));
      onChanged();
    } catch (error) {
      toast(oneLine(error), { bad: true });
    }
  };
  return (
    <button type="button" className="button" title={t("run.stop.title")} onClick={() => void stop()}>
      <Icon name="stop" /> {t("run.stop")}
    </button>
  );
}
