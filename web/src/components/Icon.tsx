import type { ReactElement } from "react";

/** Line icons on a 16-pixel grid. */
const PATHS = {
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 100-4 2 2 0 000 4z",
  eyeOff: "M2 2l12 12M6.5 3.7A6.6 6.6 0 018 3.5c4 0 6.5 4.5 6.5 4.5a11 11 0 01-2 2.5M4 4.9A11 11 0 001.5 8S4 12.5 8 12.5c1 0 2-.3 2.8-.7",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 11.5a4.5 4.5 0 100-9 4.5 4.5 0 000 9zM10.4 10.4L14 14",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  chevron: "M6 4l4 4-4 4",
  pin: "M10 2l4 4-3 .8L8 10l-.5 3L3 8.5 6 8l3-3zM5 11l-3 3",
  expand: "M9.5 2.5h4v4M13.5 2.5L9 7M6.5 13.5h-4v-4M2.5 13.5L7 9",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  check: "M3 8.5l3.5 3.5L13 4.5",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3l8 5-8 5z",
  tag: "M2.5 2.5H8l5.5 5.5L8 13.5 2.5 8zM5.5 5.5h.01",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9",
  download: "M8 2v8M4.5 7L8 10.5 11.5 7M2.5 13.5h11",
  compare: "M5 2.5v11M11 2.5v11M2 5.5h3M11 5.5h3M2 9.5h3M11 9.5h3",
  sun: "M8 11a3 3 0 100-6 3 3 0 000 6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.5A6 6 0 016.5 2.5a6 6 0 107 7z",
  warning: "M8 2l6.5 11.5h-13zM8 6.5v3M8 11.5h.01",
  branch: "M4.5 2.5v11M4.5 9.5c5 0 7-1 7-4M11.5 5.5a1.5 1.5 0 100-3 1.5 1.5 0 000 3z",
  file: "M4 1.5h5l3 3v10H4zM9 1.5v3h3",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  table: "M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.6h11",
  chart: "M2.5 2.5v11h11M4.5 10.5l3-4 2.5 2 3.5-5",
  split: "M2.5 3h11v10h-11zM8 3v10",
  grip: "M6 4h.01M6 8h.01M6 12h.01M10 4h.01M10 8h.01M10 12h.01",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  clock: "M8 14A6 6 0 108 2a6 6 0 000 12zM8 4.8V8l2.2 1.6",
  layers: "M8 2l6 3.2-6 3.2-6-3.2zM2.6 8.2L8 11l5.4-2.8M2.6 11L8 13.8 13.4 11",
  skip: "M3.5 4l5 4-5 4zM11.5 3.5v9",
  database: "M3 4c0-1.1 2.2-2 5-2s5 .9 5 2-2.2 2-5 2-5-.9-5-2zM3 4v8c0 1.1 2.2 2 5 2s5-.9 5-2V4M3 8c0 1.1 2.2 2 5 2s5-.9 5-2",
  cube: "M8 1.8l5.5 3v6.4L8 14.2l-5.5-3V4.8zM2.7 4.9L8 7.8l5.3-2.9M8 7.8v6.2",
  graph: "M5.5 4a1.5 1.5 0 11-3 0 1.5 1.5 0 013 0zM5.5 12a1.5 1.5 0 11-3 0 1.5 1.5 0 013 0zM13.5 8a1.5 1.5 0 11-3 0 1.5 1.5 0 013 0zM5.5 4h2l1 3.5 2 .5M5.5 12h2l1-3.5 2-.5",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  filter: "M2 3.5h12L9.5 9v4l-3 1.5V9z",
  link: "M6.5 9.5l3-3M7.5 4.5l1.3-1.3a2.6 2.6 0 013.7 3.7L11.2 8.2M8.5 11.5l-1.3 1.3a2.6 2.6 0 01-3.7-3.7l1.3-1.3",
  stop: "M4 4h8v8H4z",
  inbox: "M2.5 9l2-6.5h7l2 6.5v4.5h-11zM2.5 9h3.2l.8 1.8h3l.8-1.8h3.2",
  right: "M3 8h10M9 4l4 4-4 4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): ReactElement {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
