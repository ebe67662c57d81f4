/** What is usual for atoms: colours after Corey, Pauling, Koltun; radii in ångström (covalent, van der Waals). */
import type { Rgb } from "./scene";

export interface Element {
  color: Rgb;
  bond: number;
  size: number;
}

const TABLE: Record<string, [string, number, number]> = {
  H: ["e8e8e8", 0.31, 1.1], He: ["d9ffff", 0.28, 1.4], Li: ["cc80ff", 1.28, 1.81], B: ["ffb5b5", 0.84, 1.92], C: ["707070", 0.76, 1.7],
  N: ["3050f8", 0.71, 1.55], O: ["ee2010", 0.66, 1.52], F: ["70d040", 0.57, 1.47], Na: ["ab5cf2", 1.66, 2.27], Mg: ["5ac800", 1.41, 1.73],
  Al: ["bfa6a6", 1.21, 1.84], Si: ["d0b080", 1.11, 2.1], P: ["ff8000", 1.07, 1.8], S: ["e0c020", 1.05, 1.8], Cl: ["1fd01f", 1.02, 1.75],
  K: ["8f40d4", 2.03, 2.75], Ca: ["3dbf00", 1.76, 2.31], Ti: ["a0a3a8", 1.6, 2.1], Cr: ["8a99c7", 1.39, 2.0], Mn: ["9c7ac7", 1.39, 2.0],
  Fe: ["e06633", 1.32, 2.0], Co: ["f090a0", 1.26, 2.0], Ni: ["50d050", 1.24, 1.63], Cu: ["c88033", 1.32, 1.4], Zn: ["7d80b0", 1.22, 1.39],
  Ga: ["c28f8f", 1.22, 1.87], Ge: ["668f8f", 1.2, 2.11], As: ["bd80e3", 1.19, 1.85], Se: ["ffa100", 1.2, 1.9], Br: ["a62929", 1.2, 1.85],
  Zr: ["94c0c0", 1.75, 2.1], Mo: ["54b5b5", 1.54, 2.1], Ag: ["b0b0b0", 1.45, 1.72], Sn: ["668080", 1.39, 2.17], I: ["940094", 1.39, 1.98],
  Ba: ["00b900", 2.15, 2.68], Pt: ["b0b0c0", 1.36, 1.75], Au: ["f0c020", 1.36, 1.66], Hg: ["a8a8c0", 1.32, 1.55], Pb: ["575961", 1.46, 2.02],
  U: ["008fff", 1.96, 1.86],
};

const OTHER: Element = { color: [220, 80, 160], bond: 1.2, size: 1.8 };
const KNOWN = new Map(Object.entries(TABLE).map(([name, [hex, bond, size]]) => [name, { color: [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb, bond, size }]));

export const elementOf = (name: string): Element => KNOWN.get(name) ?? OTHER;

/** The element that a name such as `CA`, `1HB` or `Cl-` begins with; of a protein's atoms the first letter counts. */
export function elementName(text: string, isProtein = false): string {
  const letters = text.replace(/[^A-Za-z]/g, "");
  const two = (letters[0] ?? "").toUpperCase() + (letters[1] ?? "").toLowerCase();
  if (!isProtein && letters.length >= 2 && KNOWN.has(two)) return two;
  return two[0] ?? "";
}
