/** A molecule as balls and sticks, as full spheres, or as the line of its backbone. */
import { type Atom, moleculeOf } from "./atoms";
import { Builder, normalOf, type Patch } from "./builder";
import { elementOf } from "./elements";
import type { Rgb, Scene, Vector } from "./scene";

export type MoleculeStyle = "sticks" | "spheres" | "backbone";

const STICK = 0.14; // ångström
const TUBE = 0.4;
const SIDES = 10;
const MANY = 4000; // atoms from which sticks have fewer sides
const CHAINS: readonly Rgb[] = [[11, 111, 184], [207, 83, 0], [0, 150, 110], [180, 70, 139], [170, 125, 0], [106, 79, 196], [45, 156, 196], [176, 30, 69]];

export function moleculeScene(kind: string, text: string, style: MoleculeStyle): Scene {
  const { atoms, bonds } = moleculeOf(kind, text);
  const builder = new Builder();
  if (style !== "backbone" || !addBackbone(builder, atoms)) addAtoms(builder, atoms, style);
  if (style === "sticks") addBonds(builder, atoms, bonds ?? nearPairs(atoms));
  return builder.finish("y", [{ kind: "atoms", count: atoms.length, total: atoms.length }]);
}

function addAtoms(builder: Builder, atoms: readonly Atom[], style: MoleculeStyle): void {
  for (const atom of atoms) {
    const { color, size } = elementOf(atom.element);
    builder.ball(atom.place, color, style === "spheres" ? size : size / 5);
  }
}

/** Half a stick in the colour of each end. */
function addBonds(builder: Builder, atoms: readonly Atom[], bonds: readonly [number, number][]): void {
  const patch = builder.patch();
  const sides = atoms.length > MANY ? 4 : SIDES;
  for (const [from, to] of bonds) {
    const [one, other] = [atoms[from], atoms[to]];
    if (!one || !other) continue;
    const middle = one.place.map((value, at) => (value + (other.place[at] ?? 0)) / 2) as Vector;
    stick(builder, patch, one.place, middle, STICK, elementOf(one.element).color, sides);
    stick(builder, patch, middle, other.place, STICK, elementOf(other.element).color, sides);
  }
}

/** Through the alpha carbons or the phosphorus of each chain, what is no part of a chain as balls; false without any. */
function addBackbone(builder: Builder, atoms: readonly Atom[]): boolean {
  const stations = atoms.filter((atom) => (atom.name === "CA" && atom.element === "C") || (atom.name === "P" && atom.residue.trim() !== ""));
  if (stations.length < 3) return false;
  const patch = builder.patch();
  const chains = [...new Set(stations.map((atom) => atom.chain))];
  stations.forEach((atom, at) => {
    const [next, color] = [stations[at + 1], chainColor(chains.indexOf(atom.chain))];
    builder.ball(atom.place, color, TUBE);
    if (next && next.chain === atom.chain && distance(atom.place, next.place) < (atom.name === "P" ? 8 : 4.5)) stick(builder, patch, atom.place, next.place, TUBE, color, SIDES);
  });
  return true;
}

const chainColor = (number: number): Rgb => CHAINS[number % CHAINS.length] ?? [90, 90, 90];

const distance = (a: Vector, b: Vector) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

function stick(builder: Builder, patch: Patch, from: Vector, to: Vector, radius: number, color: Rgb, sides: number): void {
  const along: Vector = [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
  const aside: Vector = Math.abs(along[0]) < Math.abs(along[1]) ? [1, 0, 0] : [0, 1, 0];
  const u = normalOf([0, 0, 0], along, aside);
  const v = normalOf([0, 0, 0], along, u);
  const out = Array.from({ length: sides }, (_, at): Vector => {
    const [c, s] = [Math.cos((2 * Math.PI * at) / sides), Math.sin((2 * Math.PI * at) / sides)];
    return [c * u[0] + s * v[0], c * u[1] + s * v[1], c * u[2] + s * v[2]];
  });
  const ring = (middle: Vector) => out.map((side): Vector => [middle[0] + radius * side[0], middle[1] + radius * side[1], middle[2] + radius * side[2]]);
  const [near, far] = [ring(from), ring(to)];
  for (let at = 0; at < sides; at++) {
    const next = (at + 1) % sides;
    const corner = (ring: Vector[], index: number) => ring[index] as Vector;
    const [n0, n1] = [corner(out, at), corner(out, next)];
    builder.triangle(patch, [corner(near, at), corner(near, next), corner(far, at)], [color, color, color], [n0, n1, n0]);
    builder.triangle(patch, [corner(far, at), corner(near, next), corner(far, next)], [color, color, color], [n0, n1, n1]);
  }
}

const LONGEST = 3.2; // ångström between bound atoms
const SLACK = 0.4;
const NEIGHBOURS = 40; // atoms of one cell that are looked at: more lie there only in files that are wrong

/** The pairs that lie so close that they must be bound. */
export function nearPairs(atoms: readonly Atom[]): [number, number][] {
  const cells = new Map<string, number[]>();
  const cellOf = (place: Vector) => place.map((value) => Math.floor(value / LONGEST));
  const found: [number, number][] = [];
  atoms.forEach((atom, at) => {
    const [x = 0, y = 0, z = 0] = cellOf(atom.place);
    const { bond } = elementOf(atom.element);
    for (let dx = -1; dx <= 1; dx++)
      for (let dy = -1; dy <= 1; dy++)
        for (let dz = -1; dz <= 1; dz++)
          for (const other of cells.get(`${x + dx} ${y + dy} ${z + dz}`) ?? []) {
            const beside = atoms[other];
            if (!beside || (atom.element === "H" && beside.element === "H")) continue;
            const far = distance(atom.place, beside.place);
            if (far > 0.3 && far < bond + elementOf(beside.element).bond + SLACK) found.push([other, at]);
          }
    const key = `${x} ${y} ${z}`;
    const cell = cells.get(key);
    if (!cell) cells.set(key, [at]);
    else if (cell.length < NEIGHBOURS) cell.push(at);
  });
  return found;
}
