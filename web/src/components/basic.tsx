/** Small pieces that every page uses. */
import { type MouseEvent, type ReactElement, type ReactNode, useEffect, useRef, useState } from "react";
import { ApiError } from "../api/client";
import type { Status } from "../api/types";
import { navigate } from "../lib/router";
import { type Key, t } from "../messages";
import { Icon, type IconName } from "./Icon";

interface LinkProps {
  to: string;
  children: ReactNode;
  className?: string;
  title?: string;
  current?: boolean;
  label?: string;
}

/** A link within the page; with Ctrl, Shift or the middle button the browser does what it always does. */
export function Link({ to, children, className, title, current, label }: LinkProps): ReactElement {
  const follow = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={to} onClick={follow} className={className} title={title} aria-label={label} aria-current={current ? "page" : undefined}>
      {children}
    </a>
  );
}

/** Brings the current one of links in a row into view where there is no room for all. */
export function showCurrent(row: HTMLElement | null): void {
  const current = row?.querySelector<HTMLElement>("[aria-current]");
  if (row && current) row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.clientWidth) / 2;
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  onClick: (event: MouseEvent) => void;
  pressed?: boolean;
  disabled?: boolean;
}

export function IconButton({ icon, label, onClick, pressed, disabled }: IconButtonProps): ReactElement {
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} aria-pressed={pressed} disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

export function StatusBadge({ status }: { status: Status }): ReactElement {
  return (
    <span className={`status status-${status}`}>
      <i aria-hidden="true" />
      {t(`status.${status}`)}
    </span>
  );
}

/** What went wrong, why, and what to do next. */
export function ErrorBox({ error, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }): ReactElement {
  const [message, hint] = describe(error);
  useRetrying(error, onRetry);
  return (
    <div className="error-box" role="alert">
      <Icon name="warning" />
      <div>
        <p>{message}</p>
        {hint && <p className="hint">{hint}</p>}
      </div>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          {t("retry")}
        </button>
      )}
    </div>
  );
}

const AGAIN = 5000; // ms between two tries to reach a server that did not answer

/** Tries again by itself while the server does not answer, and the tab is seen. */
function useRetrying(error: unknown, onRetry: (() => void) | undefined): void {
  const isGone = error instanceof ApiError && error.code === "unreachable";
  const current = useRef(onRetry);
  current.current = onRetry;
  useEffect(() => {
    if (!isGone) return;
    const timer = setInterval(() => !document.hidden && current.current?.(), AGAIN);
    return () => clearInterval(timer);
  }, [isGone]);
}

/** In place of a whole page. What is not there is not there a moment later either: that leads back to the projects. */
export function PageError({ error, onRetry }: { error: unknown; onRetry: () => void }): ReactElement {
  const isMissing = error instanceof ApiError && error.status === 404;
  return (
    <main className="page">
      <ErrorBox error={error} onRetry={isMissing ? undefined : onRetry} />
      {isMissing && (
        <p>
          <Link to="/">{t("notfound.home")}</Link>
        </p>
      )}
    </main>
  );
}

export function describe(error: unknown): [string, string] {
  if (error instanceof ApiError) {
    if (error.code === "unreachable") return [t("error.unreachable"), t("error.unreachable.hint")];
    return [error.message || t("error.status", { status: error.status }), error.hint];
  }
  return [t("error.page"), String(error)];
}

export function Loading({ label }: { label?: string }): ReactElement {
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" /> {label ?? t("loading")}
    </div>
  );
}

export function CopyButton({ text, label }: { text: string; label?: string }): ReactElement {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyBySelection(text); // the clipboard API needs https or localhost
    }
    setDone(true);
    setTimeout(() => setDone(false), 1200);
  };
  return (
    <button type="button" className="icon-button" aria-label={label ?? t("copy")} title={label ?? t("copy")} onClick={() => void copy()}>
      <Icon name={done ? "check" : "copy"} />
    </button>
  );
}

function copyBySelection(text: string): void {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "offscreen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Lines to paste, with a button that copies them. */
export function Snippet({ code, label }: { code: string; label?: string }): ReactElement {
  return (
    <div className="snippet">
      {label && <div className="snippet-label">{label}</div>}
      <pre tabIndex={0}>{code}</pre>
      <CopyButton text={code} />
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactElement {
  return (
    <section className="empty">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

export function Panel({ title, count, actions, children, className }: { title: string; count?: number; actions?: ReactNode; children: ReactNode; className?: string }): ReactElement {
  return (
    <section className={className ? `panel ${className}` : "panel"} aria-label={title}>
      <header className="panel-head">
        <h2>
          {title}
          {count !== undefined && <span className="count">{count}</span>}
        </h2>
        {actions}
      </header>
      {children}
    </section>
  );
}

/** Pairs of a name and a value; an empty value leaves its pair out. */
export function Facts({ facts }: { facts: [Key, ReactNode][] }): ReactElement {
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false)
        .map(([key, value]) => (
          <div key={key}>
            <dt>{t(key)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Choice<V extends string>({ label, value, options, onChange }: { label: string; value: V; options: readonly (readonly [V, string])[]; onChange: (value: V) => void }): ReactElement {
  return (
    <div className="segmented" role="radiogroup" aria-label={label}>
      {options.map(([option, text]) => (
        <button key={option} type="button" role="radio" aria-checked={option === value} onClick={() => onChange(option)}>
          {text}
        </button>
      ))}
    </div>
  );
}
