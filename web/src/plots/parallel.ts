/** Axes of parallel coordinates: where a value stands between the bottom (0) and the top (1). */
import type { Json } from "../api/types";
import { formatNumber, formatValue, toNumber } from "../lib/format";

export interface AxisWish {
  name: string;
  title: string;
  isLog?: boolean;
  isInverted?: boolean;
  /** The values of a category, in order. */
  values?: readonly Json[] | null;
}

export interface PlacedAxis {
  name: string;
  title: string;
  ticks: { at: number; text: string }[];
  place: (value: Json | undefined) => number | null;
}

const TICKS = 5;
const CATEGORIES = 24;

export function placedAxis(wish: AxisWish, values: readonly (Json | undefined)[]): PlacedAxis {
  const given = values.filter((value): value is Json => value !== undefined && value !== null);
  const numbers = given.map(toNumber).filter((value): value is number => value !== null && Number.isFinite(value));
  const isNumeric = !wish.values && given.length > 0 && given.every((value) => toNumber(value) !== null && typeof value !== "boolean");
  const made = isNumeric ? numeric(numbers, wish.isLog ?? false) : categories(wish.values ?? given);
  const turn = (at: number) => (wish.isInverted ? 1 - at : at);
  return {
    name: wish.name,
    title: wish.title,
    ticks: made.ticks.map(({ at, text }) => ({ at: turn(at), text })),
    place: (value) => {
      const at = value === undefined || value === null ? null : made.place(value);
      return at === null ? null : turn(at);
    },
  };
}

type Made = Pick<PlacedAxis, "ticks"> & { place: (value: Json) => number | null };

function numeric(numbers: readonly number[], wantsLog: boolean): Made {
  const isLog = wantsLog && numbers.every((value) => value > 0);
  const to = (value: number) => (isLog ? Math.log10(value) : value);
  const [low, high] = [Math.min(...numbers.map(to)), Math.max(...numbers.map(to))];
  const spread = high - low;
  const at = (value: number) => (spread === 0 ? 0.5 : (to(value) - low) / spread);
  const ticks = spread === 0 ? [numbers[0] ?? 0] : Array.from({ length: TICKS }, (_, tick) => low + (spread * tick) / (TICKS - 1)).map((value) => (isLog ? 10 ** value : value));
  return {
    ticks: ticks.map((value) => ({ at: at(value), text: formatNumber(Number(value.toPrecision(3))) })),
    place: (value) => {
      const number = toNumber(value);
      return number === null || !Number.isFinite(number) || (isLog && number <= 0) ? null : at(number);
    },
  };
}

function categories(values: readonly Json[]): Made {
  const names = [...new Set(values.map(formatValue))];
  const at = (index: number) => (names.length === 1 ? 0.5 : index / (names.length - 1));
  const every = Math.ceil(names.length / CATEGORIES);
  return {
    ticks: names.flatMap((text, index) => (index % every === 0 ? [{ at: at(index), text }] : [])),
    place: (value) => {
      const index = names.indexOf(formatValue(value));
      return index < 0 ? null : at(index);
    },
  };
}
