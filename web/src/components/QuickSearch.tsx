import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactElement, useEffect, useState } from "react";
import { api } from "../api/client";
import { navigate, to } from "../lib/router";
import { t } from "../messages";
import { IconButton, Link } from "./basic";
import { Icon, type IconName } from "./Icon";
import { Dialog } from "./overlay";

const FEW = 8; // of each kind
const CALM = 150; // ms after the last key before the server is asked

interface Hit {
  icon: IconName;
  kind: string;
  name: string;
  address: string;
}

/** A button, and Ctrl or Cmd with K: a search over projects, and over the runs, models and areas of this one. */
export function QuickSearch({ project }: { project: string }): ReactElement {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      setOpen((now) => !now);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return (
    <>
      <IconButton icon="search" label={t("quick")} onClick={() => setOpen(true)} />
      {open && (
        <Dialog title={t("quick")} onClose={() => setOpen(false)}>
          <Search project={project} onClose={() => setOpen(false)} />
        </Dialog>
      )}
    </>
  );
}

function Search({ project, onClose }: { project: string; onClose: () => void }): ReactElement {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const hits = useHits(project, text.trim());
  const chosen = Math.min(at, hits.length - 1);
  const go = (hit: Hit | undefined) => {
    if (!hit) return;
    onClose();
    navigate(hit.address);
  };
  const onKey = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) setAt((chosen + by + hits.length) % Math.max(1, hits.length));
    else if (event.key === "Enter") go(hits[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <div className="quick">
      <input
        className="input"
        type="search"
        data-focus
        role="combobox"
        aria-expanded
        aria-controls="quick-hits"
        aria-activedescendant={hits.length > 0 ? `quick-${chosen}` : undefined}
        aria-label={t("quick")}
        placeholder={t(project ? "quick.hint.project" : "quick.hint")}
        value={text}
        onKeyDown={onKey}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
      />
      <ul id="quick-hits" role="listbox" aria-label={t("quick")}>
        {hits.map((hit, index) => (
          <li key={hit.address} id={`quick-${index}`} role="option" aria-selected={index === chosen} onClick={onClose}>
            <Link to={hit.address}>
              <Icon name={hit.icon} size={14} /> <span>{hit.name}</span> <small>{hit.kind}</small>
            </Link>
          </li>
        ))}
      </ul>
      {hits.length === 0 && text && <p className="hint">{t("quick.none")}</p>}
    </div>
  );
}

function useHits(project: string, text: string): Hit[] {
  const asked = useCalm(text);
  const projects = useQuery({ queryKey: ["projects"], queryFn: ({ signal }) => api.projects(signal), staleTime: 30_000 });
  const models = useQuery({ queryKey: ["collections", project, "artifacts"], queryFn: ({ signal }) => api.collections(project, undefined, signal), enabled: project !== "", staleTime: 30_000 });
  const runs = useQuery({ queryKey: ["quick-runs", project, asked], queryFn: ({ signal }) => api.runs(project, { text: asked, keys: [""], limit: FEW }, signal), enabled: project !== "", staleTime: 10_000, placeholderData: (before) => before });
  const fits = (name: string) => name.toLowerCase().includes(text.toLowerCase());
  return [
    ...(text ? (runs.data?.runs ?? []).filter((run) => fits(run.name) || fits(run.id) || (asked === text && !runs.isPlaceholderData)).map((run): Hit => ({ icon: "play", kind: t("lineage.run"), name: run.name || run.id.slice(0, 8), address: to.run(run.id) })) : []),
    ...areasOf(project).filter((hit) => fits(hit.name)),
    ...(models.data ?? []).filter((one) => text && fits(one.name)).slice(0, FEW).map((one): Hit => ({ icon: "cube", kind: one.type, name: one.name, address: one.type === "model" ? to.model(project, one.name) : to.artifact(project, one.name) })),
    ...(projects.data ?? []).filter((one) => one.name !== project && (fits(one.title) || fits(one.name))).slice(0, FEW).map((one): Hit => ({ icon: "layers", kind: t("quick.project"), name: one.title || one.name, address: to.project(one.name) })),
  ];
}

function areasOf(project: string): Hit[] {
  if (!project) return [];
  const areas = [["runs", to.project], ["pipelines", to.pipelines], ["sweeps", to.sweeps], ["datasets", to.datasets], ["models", to.models], ["artifacts", to.artifacts], ["reports", to.reports]] as const;
  return areas.map(([key, address]) => ({ icon: "list", kind: project, name: t(key), address: address(project) }));
}

/** The text as it was when nobody typed for a moment. */
function useCalm(text: string): string {
  const [calm, setCalm] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setCalm(text), CALM);
    return () => clearTimeout(timer);
  }, [text]);
  return calm;
}
