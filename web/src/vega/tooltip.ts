/** What is under the pointer, beside it: names and values as text, never as markup. */
import type { TooltipHandler } from "vega";

export function tooltip(element: HTMLElement): TooltipHandler {
  const box = document.createElement("div");
  box.className = "tooltip plot-tooltip";
  return (_handler, event, _item, value: unknown) => {
    if (value === null || value === undefined || value === "") {
      box.remove();
      return;
    }
    box.replaceChildren(...rows(value));
    if (!box.isConnected) element.append(box);
    const frame = element.getBoundingClientRect();
    const { clientX, clientY } = event as unknown as { clientX: number; clientY: number };
    const left = clientX - frame.left;
    box.style.top = `${clientY - frame.top + 12}px`;
    box.style.left = `${Math.max(0, left + 12 + box.offsetWidth > frame.width ? left - box.offsetWidth - 12 : left + 12)}px`;
  };
}

function rows(value: unknown): HTMLElement[] {
  const pairs = typeof value === "object" && value !== null ? Object.entries(value) : [["", String(value)]];
  return pairs.map(([name, text]) => {
    const row = document.createElement("div");
    row.className = "tooltip-row";
    const label = document.createElement("span");
    label.className = "tooltip-name";
    label.textContent = String(name);
    const shown = document.createElement("b");
    shown.textContent = String(text);
    row.append(label, shown);
    return row;
  });
}
