/** How values look: short in tables, exact in titles. */
import type { Json, WireNumber } from "../api/types";

/** A number from the wire: "NaN", "Infinity" and digits of large integers are texts there. */
export function toNumber(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value !== "string" || value.trim() === "") return null;
  if (value === "NaN") return Number.NaN;
  const number = Number(value);
  return Number.isNaN(number) ? null : number;
}

export function formatNumber(value: WireNumber | null | undefined, digits = 5): string {
  if (value === null || value === undefined) return "";
  const number = toNumber(value);
  if (number === null) return String(value);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  if (Number.isInteger(number)) return typeof value === "string" ? value : minus(Math.abs(number) < 1e15 ? String(number) : number.toPrecision(digits));
  const size = Math.abs(number);
  if (size >= 1e6 || size < 1e-4) return minus(number.toExponential(digits - 2).replace(/\.?0+e/, "e"));
  return minus(String(Number(number.toPrecision(digits))));
}

const minus = (text: string) => text.replace(/^-/, "−");

export function formatValue(value: Json | undefined): string {
  if (value === undefined) return "";
  if (value === null) return "null";
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  return JSON.stringify(value);
}

export function formatSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

export function formatDuration(micros: number): string {
  const total = Math.max(0, Math.round(micros / 1e6));
  const [d, h, m, s] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60, total % 60];
  if (d) return `${d}d ${h}h`;
  if (h) return `${h}h ${m}m`;
  if (m) return `${m}m ${s}s`;
  if (total >= 10) return `${total}s`;
  return `${(Math.max(0, micros) / 1e6).toFixed(1)}s`;
}

const pad = (value: number) => String(value).padStart(2, "0");

/** Local time; sorts as text. */
export function formatTime(micros: number): string {
  if (!micros) return "";
  const t = new Date(micros / 1000);
  return `${t.getFullYear()}-${pad(t.getMonth() + 1)}-${pad(t.getDate())} ${pad(t.getHours())}:${pad(t.getMinutes())}:${pad(t.getSeconds())}`;
}

export function formatAgo(micros: number, language: string, now = Date.now()): string {
  if (!micros) return "";
  const seconds = (micros / 1000 - now) / 1000;
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["year", 31_536_000],
    ["month", 2_592_000],
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  for (const [unit, length] of steps)
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  return relative.format(Math.round(seconds), "second");
}

export const shortDigest = (digest: string) => digest.replace(/^[a-z0-9]+:/, "").slice(0, 10);

/** A word for a shell, quoted where it must be. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
