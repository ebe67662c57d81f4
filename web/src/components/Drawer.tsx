import { type ReactElement, type ReactNode, useEffect, useRef } from "react";
import { t } from "../messages";
import { IconButton } from "./basic";

interface Props {
  title: string;
  /** One line below the title. */
  facts: ReactNode;
  /** Beside the button that closes it. */
  action?: ReactNode;
  /** Below the facts, above what scrolls. */
  notes?: ReactNode;
  className?: string;
  children: ReactNode;
  onClose: () => void;
}

/** What is known of one thing that was chosen, beside what it was chosen from. Takes the focus; Escape closes it. */
export function Drawer({ title, facts, action, notes, className = "", children, onClose }: Props): ReactElement {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <aside
      className={`drawer ${className}`.trim()}
      aria-labelledby="drawer-title"
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <header className="drawer-head">
        <div className="drawer-title">
          <h2 id="drawer-title" tabIndex={-1} ref={heading}>
            {title}
          </h2>
          {action}
          <IconButton icon="close" label={t("close")} onClick={onClose} />
        </div>
        <p className="drawer-facts">{facts}</p>
        {notes}
      </header>
      {children}
    </aside>
  );
}
