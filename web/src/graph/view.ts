/** What part of a drawing is seen: moved by (x, y) and scaled by k. */
export interface View {
  x: number;
  y: number;
  k: number;
}

export interface Size {
  width: number;
  height: number;
}

const LEAST = 0.01;
const MOST = 2;
const MARGIN = 24;
/** Below this a box's text cannot be read. */
export const READABLE = 0.55;

export const clamped = (k: number) => Math.max(LEAST, Math.min(MOST, k));

/** All of the drawing, in the middle, not larger than life. */
export function fitting(drawing: Size, frame: Size): View {
  const k = clamped(Math.min(1, (frame.width - 2 * MARGIN) / Math.max(1, drawing.width), (frame.height - 2 * MARGIN) / Math.max(1, drawing.height)));
  return { k, x: (frame.width - drawing.width * k) / 2, y: (frame.height - drawing.height * k) / 2 };
}

/** Scaled around a point of the frame, which stays where it is. */
export function scaled(view: View, k: number, x: number, y: number): View {
  const next = clamped(k);
  const by = next / view.k;
  return { k: next, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
}

/** Moved just so far that a place is seen. */
export function revealing(view: View, place: { x: number; y: number; width: number; height: number }, frame: Size): View {
  const shift = (start: number, size: number, offset: number, length: number) => {
    const from = start * view.k + offset;
    const to = from + size * view.k;
    if (from < MARGIN) return MARGIN - from;
    return to > length - MARGIN ? Math.max(MARGIN - from, length - MARGIN - to) : 0;
  };
  return { ...view, x: view.x + shift(place.x, place.width, view.x, frame.width), y: view.y + shift(place.y, place.height, view.y, frame.height) };
}

/** All of the drawing where that can be read; else a place of interest near the start of the frame. */
export function beginning(drawing: Size, frame: Size, focus: { x: number; y: number; width: number; height: number } | undefined): View {
  const whole = fitting(drawing, frame);
  if (whole.k >= READABLE || !focus) return whole;
  const k = Math.max(READABLE, Math.min(0.85, clamped((frame.width - 2 * MARGIN) / (focus.width * 2.6))));
  const centre = (size: number, length: number, middle: number) =>
    size * k <= length - 2 * MARGIN ? (length - size * k) / 2 : Math.max(length - MARGIN - size * k, Math.min(MARGIN, length / 2 - middle * k));
  return { k, x: centre(drawing.width, frame.width, focus.x + focus.width / 2), y: centre(drawing.height, frame.height, focus.y + focus.height / 2) };
}
