import { type FormEvent, type ReactElement, useState } from "react";
import { api } from "../../api/client";
import type { Version } from "../../api/types";
import { ErrorBox } from "../../components/basic";
import { Dialog, toast } from "../../components/overlay";
import { t } from "../../messages";
import { aliasName, STAGES } from "./AliasTag";

interface Props {
  version: Version;
  aliases: Record<string, number>;
  onClose: () => void;
  onDone: () => void;
}

/** Points a stage or alias at a version. What it replaces is said first, and checked again by the server. */
export function PromoteDialog({ version, aliases, onClose, onDone }: Props): ReactElement {
  const [alias, setAlias] = useState("production");
  const [reason, setReason] = useState("");
  const [error, setError] = useState<unknown>(null);
  const before = aliases[alias.trim()];
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
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
        <p className="notice">{before === undefined ? t("model.promote.first", values) : t("model.promote.now", values)}</p>
        {error !== null && <ErrorBox error={error} />}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("cancel")}
          </button>
          <button type="submit" className="button primary" disabled={!alias.trim() || before === version.number}>
            {t("model.promote")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
