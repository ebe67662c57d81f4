/** A colour for each run: the same everywhere and after a reload, distinct among the runs on the chart. */
import { load, save } from "./storage";

/** Twelve hues told apart by people with colour-blindness too (after Okabe-Ito and Tol), on white and on near-black. */
const LIGHT = ["#0b6fb8", "#cf5300", "#00866a", "#b4468b", "#9a6b00", "#6a4fc4", "#2d9cc4", "#b01e45", "#5f7a12", "#8a5a44", "#1b7f86", "#566273"];
const DARK = ["#4ea8ee", "#ff8c4a", "#2fc79f", "#e887c2", "#e6b440", "#a995ff", "#7fd3f2", "#ff7c96", "#b3cc5a", "#cf9d84", "#54c8cf", "#a8b5c7"];
const DASHES: (number[] | undefined)[] = [undefined, [7, 4], [2, 3]];
const SLOTS = LIGHT.length * DASHES.length;
const KEPT = 600;

export const hues = (dark: boolean): readonly string[] => (dark ? DARK : LIGHT);

export interface RunStyle {
  color: string;
  dash: number[] | undefined;
}

/** Which slot each run has in a project. A run prefers the slot of its id, so colleagues mostly see the same colour. */
export class Palette {
  private slots: Record<string, number>;

  constructor(private readonly project: string) {
    this.slots = load<Record<string, number>>(`colors.${project}`, {});
  }

  assign(runs: readonly string[]): void {
    const used = new Set<number>();
    let changed = false;
    for (const run of runs) {
      let slot = this.slots[run];
      if (slot === undefined || used.has(slot)) {
        slot = free(preferred(run), used);
        this.slots[run] = slot;
        changed = true;
      }
      used.add(slot);
    }
    if (changed) this.keep(runs);
  }

  style(run: string, dark: boolean): RunStyle {
    return styleOf(this.slots[run] ?? preferred(run), dark);
  }

  private keep(recent: readonly string[]): void {
    const entries = Object.entries(this.slots);
    if (entries.length > KEPT) {
      const fresh = new Set(recent);
      this.slots = Object.fromEntries(entries.filter(([run], at) => fresh.has(run) || at >= entries.length - KEPT / 2));
    }
    save(`colors.${this.project}`, this.slots);
  }
}

function preferred(run: string): number {
  return Number.parseInt(run.slice(0, 6) || "0", 16) % LIGHT.length || 0;
}

function free(wanted: number, used: Set<number>): number {
  for (let round = 0; round < SLOTS; round++) {
    const slot = (wanted + round) % LIGHT.length + Math.floor(round / LIGHT.length) * LIGHT.length;
    if (!used.has(slot)) return slot;
  }
  return wanted;
}

function styleOf(slot: number, dark: boolean): RunStyle {
  const colors = dark ? DARK : LIGHT;
  return { color: colors[slot % colors.length] ?? "#888888", dash: DASHES[Math.floor(slot / colors.length) % DASHES.length] };
}

const palettes = new Map<string, Palette>();

export function paletteOf(project: string): Palette {
  let palette = palettes.get(project);
  if (!palette) {
    palette = new Palette(project);
    palettes.set(project, palette);
  }
  return palette;
}
