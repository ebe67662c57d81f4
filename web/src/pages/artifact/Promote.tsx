import { type FormEvent, type ReactElement, useState } from "react";
import { api } from "../../api/client";
import type { Protection, Version } from "../../api/types";
import { ErrorBox } from "../../components/basic";
import { Dialog, toast } from "../../components/overlay";
import { t } from "../../messages";
import { aliasName, STAGES } from "./AliasTag";

interface Props {
  version: Version;
  aliases: Record<string, number>;
  protections: readonly Protection[];
  onClose: () => void;
  onDone: () => void;
}

/** Points a stage or alias at a version. What it replaces is said first, and checked again by the server. */
export function PromoteDialog({ version, aliases, protections, onClose, onDone }: Props): ReactElement {
  const [alias, setAlias] = useState("production");
  const [reason, setReason] = useState("");
  const [error, setError] = useState<unknown>(null);
  const before = aliases[alias.trim()];
  const mustAsk = protections.some((rule) => rule.alias === alias.trim().toLowerCase() && rule.approvals > 0);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      if (mustAsk) {
        const made = await api.request(version.project, version.name, { ref: `${version.name}:v${version.number}`, alias: alias.trim(), reason });
        toast(t("model.requested", { number: made.number, alias: aliasName(made.alias), after: `v${version.number}` }));
        onDone();
        onClose();
        return;
      }
      await api.point(version.project, version.name, alias.trim(), { number: version.number, expected: before ?? null, reason });
      toast(t("model.promoted", { alias: aliasName(alias.trim()), ref: `${version.name}:v${version.number}` }));
      onDone();
      onClose();
    } catch (failure) {
      setError(failure);
      onDone();
    }
  };
  const values = { alias: aliasName(alias.trim()), after: `v${version.number}`, before: `v${before ?? ""}` };
  return (
    <Dialog title={t("model.promote.title", { ref: `${version.name}:v${version.number}` })} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span>{t("model.promote.stage")}</span>
          <input className="input" list="stages" required value={alias} onChange={(event) => setAlias(event.target.value)} />
          <datalist id="stages">
            {[...new Set([...STAGES, ...Object.keys(aliases)])].filter((name) => name !== "latest").map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
        </label>
        <label className="field">
          <span>{t("model.promote.reason")}</span>
          <input className="input" value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        {mustAsk && <p className="notice">{t("model.protected.ask", values)}</p>}
        <p className="notice">{before === undefined ? t("model.promote.first", values) : t("model.promote.now", values)}</p>
        {error !== null && <ErrorBox error={error} />}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" className="button primary" disabled={!alias.trim() || before === version.number}>
            {t(mustAsk ? "model.request" : "model.promote")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
