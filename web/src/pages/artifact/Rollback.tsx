import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactElement, useState } from "react";
import { api } from "../../api/client";
import { ErrorBox, Loading } from "../../components/basic";
import { Dialog, toast } from "../../components/overlay";
import { t } from "../../messages";
import { aliasName } from "./AliasTag";

interface Props {
  project: string;
  name: string;
  aliases: readonly string[];
  onClose: () => void;
  onDone: () => void;
}

/** Points a stage or alias back at the version before. The server is asked first which one that is. */
export function RollbackDialog({ project, name, aliases, onClose, onDone }: Props): ReactElement {
  const [alias, setAlias] = useState(aliases.includes("production") ? "production" : (aliases[0] ?? "production"));
  const [reason, setReason] = useState("");
  const [failure, setFailure] = useState<unknown>(null);
  const plan = useQuery({ queryKey: ["rollback", project, name, alias], queryFn: () => api.rollback(project, name, { alias, dry: true }), retry: false, gcTime: 0 });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const made = await api.rollback(project, name, { alias, reason });
      toast(t("model.rolled.back", { alias: aliasName(alias), after: `v${made.number}` }));
      onDone();
      onClose();
    } catch (error) {
      setFailure(error);
      onDone();
    }
  };
  const values = { alias: aliasName(alias), before: plan.data?.before == null ? t("model.nothing") : `v${plan.data.before}`, after: `v${plan.data?.number ?? ""}` };
  return (
    <Dialog title={t("model.rollback.title", { name })} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span>{t("model.promote.stage")}</span>
          <select className="input" value={alias} onChange={(event) => setAlias(event.target.value)}>
            {aliases.map((one) => (
              <option key={one} value={one}>
                {aliasName(one)}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t("model.promote.reason")}</span>
          <input className="input" value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        {plan.isPending ? <Loading /> : plan.error ? <ErrorBox error={plan.error} /> : <p className="notice">{t("model.rollback.now", values)}</p>}
        {failure !== null && <ErrorBox error={failure} />}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" className="button primary" disabled={!plan.data}>
            {t("model.rollback")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
