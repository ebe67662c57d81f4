import { type FormEvent, type ReactElement, useState } from "react";
import { api } from "../api/client";
import { describe, IconButton, Link } from "../components/basic";
import { Icon } from "../components/Icon";
import { Popover, toast } from "../components/overlay";
import { to } from "../lib/router";
import { t } from "../messages";

interface Props {
  project: string;
  selected: readonly string[];
  onClear: () => void;
  onChanged: () => void;
  onShowOnly: () => void;
}

const AT_ONCE = 6;

/** Does the same to many runs, a few at a time; gives the ones that failed. */
async function forEach(runs: readonly string[], work: (run: string) => Promise<unknown>): Promise<unknown[]> {
  const queue = [...runs];
  const failures: unknown[] = [];
  const worker = async () => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
      try {
        await work(run);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failures;
}

export function BulkBar({ project, selected, onClear, onChanged, onShowOnly }: Props): ReactElement | null {
  if (selected.length === 0) return null;
  const count = selected.length;
  const apply = async (work: (run: string) => Promise<unknown>, undo: (run: string) => Promise<unknown>, done: string) => {
    const failures = await forEach(selected, work);
    if (failures.length > 0) toast(t("bulk.failed", { count: failures.length, reason: describe(failures[0]).join(" ") }), { bad: true });
    if (failures.length < count) {
      const runs = [...selected];
      toast(done, { action: { label: t("undo"), run: () => void forEach(runs, undo).then(onChanged) } });
    }
    onChanged();
  };
  const remove = () =>
    void apply(api.deleteRun, api.restoreRun, t("bulk.deleted", { count })).then(onClear);
  const tag = (name: string) =>
    void apply(
      (run) => api.changeRun(run, { tags: { [name]: "" } }),
      (run) => api.changeRun(run, { tags_removed: [name] }),
      t("bulk.tagged", { count, name }),
    );
  return (
    <div className="bulk" role="toolbar" aria-label={t("bulk")}>
      <b>{t("bulk.count", { count })}</b>
      <button type="button" className="button" onClick={onShowOnly}>
        <Icon name="eye" /> {t("bulk.show")}
      </button>
      <Link to={to.compare(project, selected.slice(0, 50))} className="button">
        <Icon name="compare" /> {t("compare")}
      </Link>
      <Popover label={t("bulk.tag")} align="left" button={<><Icon name="tag" /> {t("bulk.tag")}</>}>
        {(close) => <TagForm onTag={(name) => { tag(name); close(); }} />}
      </Popover>
      <button type="button" className="button danger" onClick={remove}>
        <Icon name="trash" /> {t("delete")}
      </button>
      <IconButton icon="close" label={t("bulk.clear")} onClick={onClear} />
    </div>
  );
}

function TagForm({ onTag }: { onTag: (name: string) => void }): ReactElement {
  const [name, setName] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim()) onTag(name.trim());
  };
  return (
    <form className="row-form" onSubmit={submit}>
      <input className="input" autoFocus aria-label={t("bulk.tag.name")} placeholder={t("bulk.tag.name")} value={name} onChange={(event) => setName(event.target.value)} />
      <button type="submit" className="button primary">
        {t("add")}
      </button>
    </form>
  );
}
