import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactElement, useState } from "react";
import { api, oneLine } from "../../api/client";
import type { Run, RunChange } from "../../api/types";
import { Panel } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { toast } from "../../components/overlay";
import { isOwnTag } from "../../lib/stages";
import { t } from "../../messages";

/** Sends a change and shows what the server made of it; a refusal is said and nothing changes. */
function useChange(run: Run): (change: RunChange) => Promise<boolean> {
  const client = useQueryClient();
  return async (change) => {
    try {
      client.setQueryData(["run", run.id], await api.changeRun(run.id, change));
      void client.invalidateQueries({ queryKey: ["runs", run.project] });
      return true;
    } catch (error) {
      toast(oneLine(error), { bad: true });
      return false;
    }
  };
}

export function Notes({ run }: { run: Run }): ReactElement {
  const change = useChange(run);
  const [draft, setDraft] = useState<string | null>(null);
  const save = async () => {
    // With the revision that was shown, so that two people do not write over each other unseen.
    if (draft !== null && (await change({ notes: draft, revision: run.revision }))) {
      setDraft(null);
      toast(t("run.notes.saved"));
    }
  };
  return (
    <Panel
      title={t("run.notes")}
      actions={
        draft === null && (
          <button type="button" className="link-button panel-link" onClick={() => setDraft(run.notes)}>
            {t("edit")}
          </button>
        )
      }
    >
      <div className="panel-body">
        {draft === null ? (
          <p className={run.notes ? "notes" : "notes hint"}>{run.notes || t("run.notes.none")}</p>
        ) : (
          <div className="notes-edit">
            <textarea className="input" rows={5} autoFocus aria-label={t("run.notes")} value={draft} onChange={(event) => setDraft(event.target.value)} />
            <div className="dialog-actions">
              <button type="button" className="button" onClick={() => setDraft(null)}>
                {t("cancel")}
              </button>
              <button type="button" className="button primary" onClick={() => void save()}>
                {t("save")}
              </button>
            </div>
          </div>
        )}
      </div>
    </Panel>
  );
}

export function Tags({ run }: { run: Run }): ReactElement {
  const change = useChange(run);
  const [name, setName] = useState("");
  const add = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() && (await change({ tags: { [name.trim()]: "" } }))) setName("");
  };
  const tags = Object.entries(run.tags).filter(([key]) => !isOwnTag(key));
  return (
    <Panel title={t("run.tags")} count={tags.length}>
      <div className="panel-body tags-edit">
        <span className="tags">
          {tags.map(([key, value]) => (
            <span key={key} className="tag">
              {key}
              {value && <em>{value}</em>}
              <button type="button" aria-label={t("run.tag.remove", { name: key })} onClick={() => void change({ tags_removed: [key] })}>
                <Icon name="close" size={11} />
              </button>
            </span>
          ))}
        </span>
        <form className="row-form" onSubmit={(event) => void add(event)}>
          <input className="input" aria-label={t("run.tag.add")} placeholder={t("run.tag.add")} value={name} onChange={(event) => setName(event.target.value)} />
          <button type="submit" className="button">
            {t("add")}
          </button>
        </form>
      </div>
    </Panel>
  );
}
