import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import { api } from "../../api/client";
import type { ConsoleLine, Run } from "../../api/types";
import { Empty, ErrorBox, IconButton, Loading } from "../../components/basic";
import { Icon } from "../../components/Icon";
import { toast } from "../../components/overlay";
import { plainText, spans } from "../../lib/ansi";
import { t } from "../../messages";

const PAGE = 2000;
const ROW = 18;
const ERROR = /\b(error|exception|traceback|fatal|panic)\b/i;

/** What the run printed: the end first, earlier lines on demand, new lines as they come. */
export function ConsoleTab({ run, fresh }: { run: Run; fresh: readonly ConsoleLine[] }): ReactElement {
  const [page, setPage] = useState<{ lines: ConsoleLine[]; total: number } | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [text, setText] = useState("");
  const [follow, setFollow] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);

  const load = async () => {
    try {
      const found = await api.console(run.id, { tail: true, limit: PAGE });
      setPage({ lines: found.lines, total: found.total });
      setError(null);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => void load(), [run.id]);

  const lines = useMemo(() => join(page?.lines ?? [], fresh), [page, fresh]);
  const wanted = text.toLowerCase();
  const matches = useMemo(() => (wanted ? lines.flatMap((line, at) => (plainText(line.text).toLowerCase().includes(wanted) ? [at] : [])) : []), [lines, wanted]);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 30 });

  useEffect(() => {
    if (follow && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [follow, lines.length, lines.at(-1)?.text]);
  useEffect(() => {
    const first = matches[0];
    if (first !== undefined) jump(first);
  }, [wanted]);

  const jump = (at: number) => {
    setFollow(false);
    virtual.scrollToIndex(at, { align: "center" });
  };
  const nextOf = (places: readonly number[]) => {
    const middle = Math.floor(((scroller.current?.scrollTop ?? 0) + (scroller.current?.clientHeight ?? 0) / 2) / ROW);
    return places.find((at) => at > middle + 1) ?? places[0];
  };
  const jumpToError = () => {
    const at = nextOf(lines.flatMap((line, index) => (ERROR.test(line.text) ? [index] : [])));
    if (at === undefined) toast(t("console.noerror"));
    else jump(at);
  };
  const earlier = async () => {
    const first = lines[0]?.n ?? 1;
    const from = Math.max(0, first - 1 - PAGE);
    const found = await api.console(run.id, { after: from, limit: first - 1 - from });
    setPage((old) => (old ? { ...old, lines: join(found.lines, old.lines) } : old));
    requestAnimationFrame(() => virtual.scrollToIndex(found.lines.length, { align: "start" }));
  };

  if (error && !page) return <ErrorBox error={error} onRetry={() => void load()} />;
  if (!page) return <Loading />;
  if (lines.length === 0) return <Empty title={t("console.none")} />;
  const found = new Set(matches);
  return (
    <section className="console" aria-label={t("tab.console")}>
      <div className="toolbar">
        <label className="search">
          <Icon name="search" size={14} />
          <input
            type="search"
            className="input"
            aria-label={t("console.search")}
            placeholder={t("console.search")}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              const at = event.key === "Enter" ? nextOf(matches) : undefined;
              if (at !== undefined) jump(at);
            }}
          />
        </label>
        {text && <span className="hint">{t("console.matches", { count: matches.length })}</span>}
        <span className="grow" />
        <span className="hint">{t("console.total", { count: Math.max(page.total, lines.at(-1)?.n ?? 0) })}</span>
        <button type="button" className="button" onClick={jumpToError}>
          {t("console.error")}
        </button>
        <button type="button" className="button" aria-pressed={follow} onClick={() => setFollow(!follow)}>
          <Icon name="down" /> {t("console.follow")}
        </button>
        <IconButton icon="download" label={t("download")} onClick={() => void download(run)} />
      </div>
      <div
        className="console-lines"
        ref={scroller}
        tabIndex={0}
        role="log"
        aria-label={t("tab.console")}
        onWheel={(event) => {
          if (event.deltaY < 0) setFollow(false);
        }}
      >
        {(lines[0]?.n ?? 1) > 1 && (
          <button type="button" className="link-button console-earlier" onClick={() => void earlier()}>
            {t("console.earlier")}
          </button>
        )}
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map((place) => {
            const line = lines[place.index];
            return line && <Line key={line.n} line={line} top={place.start} match={found.has(place.index)} />;
          })}
        </div>
      </div>
    </section>
  );
}

const Line = memo(function Line({ line, top, match }: { line: ConsoleLine; top: number; match: boolean }) {
  return (
    <div className={`console-line${line.stream === "err" ? " err" : ""}${match ? " match" : ""}`} style={{ transform: `translateY(${top}px)` }}>
      <span className="console-n" aria-hidden="true">
        {line.n}
      </span>
      <span className="console-text">
        {spans(line.text).map((span, at) => (
          <span key={at} className={span.className || undefined}>
            {span.text}
          </span>
        ))}
      </span>
    </div>
  );
});

function join(a: readonly ConsoleLine[], b: readonly ConsoleLine[]): ConsoleLine[] {
  const byNumber = new Map(a.map((line) => [line.n, line]));
  for (const line of b) byNumber.set(line.n, line);
  return [...byNumber.values()].sort((x, y) => x.n - y.n);
}

/** Reads the whole console, page by page, and hands it to the browser as a file. */
async function download(run: Run): Promise<void> {
  const parts: string[] = [];
  let after = 0;
  for (;;) {
    const page = await api.console(run.id, { after, limit: 10_000 });
    parts.push(...page.lines.map((line) => `${plainText(line.text)}\n`));
    if (page.lines.length === 0 || page.last >= page.total) break;
    after = page.last;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: "text/plain" }));
  link.download = `${run.name || run.id.slice(0, 12)}.log`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
