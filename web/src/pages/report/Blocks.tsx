import type { ReactElement } from "react";
import type { Block, ListBlock, Span } from "../../api/reports";
import { Markdown, Picture, SafeLink } from "../../components/Markdown";
import { Icon } from "../../components/Icon";
import { isHere } from "../../lib/urls";
import { t } from "../../messages";
import { PanelGrid } from "./PanelGrid";

/** The blocks of a report; `all` are those of the whole report, for its table of contents. */
export function Blocks({ blocks, all }: { blocks: readonly Block[]; all: readonly Block[] }): ReactElement {
  return (
    <>
      {blocks.map((block, at) => (
        <BlockView key={at} block={block} all={all} />
      ))}
    </>
  );
}

function BlockView({ block, all }: { block: Block; all: readonly Block[] }): ReactElement | null {
  switch (block.type) {
    case "heading":
      return <Heading block={block} all={all} />;
    case "paragraph":
      return <p className="report-text"><Spans spans={block.text} /></p>;
    case "quote":
      return <blockquote className="report-text"><Spans spans={block.text} /></blockquote>;
    case "callout":
      return (
        <aside className="report-callout">
          {block.lines.map((line, at) => (
            <p key={at}><Spans spans={line} /></p>
          ))}
        </aside>
      );
    case "list":
      return <List block={block} />;
    case "code":
    case "latex":
      return <pre className="report-code" tabIndex={0}>{block.text}</pre>;
    case "markdown":
      return <Markdown text={block.text} />;
    case "image":
      return (
        <figure className="report-image">
          <Picture url={block.url} text={plain(block.caption)} />
          <figcaption><Spans spans={block.caption} /></figcaption>
        </figure>
      );
    case "video":
      return isHere(block.url) ? <video className="report-video" src={block.url} controls /> : <p><SafeLink url={block.url}>{t("report.outside", { url: block.url })}</SafeLink></p>;
    case "rule":
      return <hr />;
    case "contents":
      return <Contents blocks={all} />;
    case "gallery":
      return <Gallery links={block.links} />;
    case "panels":
      return <PanelGrid block={block} />;
    default:
      return (
        <div className="notice">
          <Icon name="warning" /> {t("report.unknown", { name: block.name })} {block.text && <span>{block.text}</span>}
        </div>
      );
  }
}

const plain = (spans: readonly Span[]) => spans.map((span) => span.text).join("");
const anchor = (text: string) => `h-${text.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}`;

function Heading({ block, all }: { block: Extract<Block, { type: "heading" }>; all: readonly Block[] }): ReactElement {
  const Tag = `h${Math.min(4, Math.max(1, block.level) + 1)}` as "h2";
  const title = <Tag id={anchor(plain(block.text))}><Spans spans={block.text} /></Tag>;
  if (block.blocks.length === 0) return title;
  return (
    <details className="report-folded">
      <summary>{title}</summary>
      <Blocks blocks={block.blocks} all={all} />
    </details>
  );
}

function List({ block }: { block: ListBlock }): ReactElement {
  const items = block.items.map((item, at) => (
    <li key={at} className={item.checked === null ? undefined : "checked-item"}>
      {item.checked !== null && <input type="checkbox" checked={item.checked} readOnly tabIndex={-1} />}
      <Spans spans={item.text} />
      {item.list && <List block={item.list} />}
    </li>
  ));
  return block.is_ordered ? <ol className="report-list">{items}</ol> : <ul className="report-list">{items}</ul>;
}

function Contents({ blocks }: { blocks: readonly Block[] }): ReactElement {
  const headings = blocks.filter((block) => block.type === "heading");
  return (
    <nav className="report-contents" aria-label={t("report.contents")}>
      {headings.map((heading, at) => (
        <a key={at} href={`#${anchor(plain(heading.text))}`} className={`level-${heading.level}`}>
          {plain(heading.text)}
        </a>
      ))}
    </nav>
  );
}

function Gallery({ links }: { links: Extract<Block, { type: "gallery" }>["links"] }): ReactElement {
  return (
    <ul className="report-gallery">
      {links.map((link, at) => (
        <li key={at} className="panel panel-body">
          <SafeLink url={link.url}>{link.title || link.url}</SafeLink>
          {link.description && <p className="hint">{link.description}</p>}
          {isHere(link.image) && link.image && <img src={link.image} alt="" loading="lazy" />}
        </li>
      ))}
    </ul>
  );
}

/** Text with its styles. */
export function Spans({ spans }: { spans: readonly Span[] }): ReactElement {
  return (
    <>
      {spans.map((span, at) => {
        const has = (style: string) => span.style.includes(style);
        const text = has("code") || has("latex") ? <code>{span.text}</code> : span.text;
        const className = ["bold", "italic", "underline", "strikethrough"].filter(has).map((style) => `text-${style}`).join(" ");
        const styled = className ? <span key={at} className={className}>{text}</span> : <span key={at}>{text}</span>;
        return span.link ? <SafeLink key={at} url={span.link}>{styled}</SafeLink> : styled;
      })}
    </>
  );
}
