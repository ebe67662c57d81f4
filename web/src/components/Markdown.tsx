import { Fragment, type ReactElement, type ReactNode, useMemo } from "react";
import { type Inline, type MarkdownBlock, parseMarkdown } from "../lib/markdown";
import { isHere, safeUrl } from "../lib/urls";

/** A text in Markdown. Markup in it stays text, and addresses that would run something are no links. */
export function Markdown({ text }: { text: string }): ReactElement {
  const blocks = useMemo(() => parseMarkdown(text), [text]);
  return <div className="markdown">{blocks.map(blockElement)}</div>;
}

function blockElement(block: MarkdownBlock, at: number): ReactNode {
  switch (block.kind) {
    case "heading": {
      const Tag = `h${Math.min(6, block.level + 1)}` as "h2"; // the page has the first level
      return <Tag key={at}>{inlines(block.parts)}</Tag>;
    }
    case "paragraph":
      return <p key={at}>{inlines(block.parts)}</p>;
    case "code":
      return <pre key={at} tabIndex={0}>{block.text}</pre>;
    case "rule":
      return <hr key={at} />;
    case "quote":
      return <blockquote key={at}>{block.blocks.map(blockElement)}</blockquote>;
    case "list": {
      const items = block.items.map((item, index) => <li key={index}>{item.map((inner, place) => (inner.kind === "paragraph" ? <Fragment key={place}>{inlines(inner.parts)}</Fragment> : blockElement(inner, place)))}</li>);
      return block.isOrdered ? <ol key={at} start={block.start}>{items}</ol> : <ul key={at}>{items}</ul>;
    }
    default:
      return (
        <div key={at} className="table-wrap">
          <table className="data-table">
            <thead>
              <tr>{block.head.map((cell, index) => <th key={index}>{inlines(cell)}</th>)}</tr>
            </thead>
            <tbody>
              {block.rows.map((row, index) => (
                <tr key={index}>{row.map((cell, column) => <td key={column}>{inlines(cell)}</td>)}</tr>
              ))}
            </tbody>
          </table>
        </div>
      );
  }
}

const inlines = (parts: readonly Inline[]) => parts.map(inlineElement);

function inlineElement(part: Inline, at: number): ReactNode {
  switch (part.kind) {
    case "text":
      return part.text;
    case "code":
      return <code key={at}>{part.text}</code>;
    case "strong":
      return <b key={at}>{inlines(part.parts)}</b>;
    case "emphasis":
      return <em key={at}>{inlines(part.parts)}</em>;
    case "deleted":
      return <s key={at}>{inlines(part.parts)}</s>;
    case "link":
      return <SafeLink key={at} url={part.url}>{inlines(part.parts)}</SafeLink>;
    default:
      return <Picture key={at} url={part.url} text={part.text} />;
  }
}

/** A link that a user wrote: to the web or to this server, or only its text. */
export function SafeLink({ url, children }: { url: string; children: ReactNode }): ReactElement {
  const address = safeUrl(url);
  if (!address) return <>{children}</>;
  return (
    <a href={address} rel="noreferrer nofollow" {...(isHere(address) ? {} : { target: "_blank" })}>
      {children}
    </a>
  );
}

/** A picture of this server; one that lies elsewhere is a link, since the page fetches nothing from other servers. */
export function Picture({ url, text }: { url: string; text: string }): ReactElement {
  return isHere(url) || url.startsWith("data:image/") ? <img src={url} alt={text} loading="lazy" /> : <SafeLink url={url}>{text || url}</SafeLink>;
}
