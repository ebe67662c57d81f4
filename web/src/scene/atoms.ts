/** Atoms and bonds from the files of chemistry: PDB, PQR, mmCIF and CIF, SDF, MOL2, GRO. Places in ångström. */
import { elementName } from "./elements";
import { MOST, SceneError, type Vector } from "./scene";

export interface Atom {
  element: string;
  place: Vector;
  /** Of a protein: the name in its residue, and what it is part of. */
  name: string;
  residue: string;
  chain: string;
}

export interface Molecule {
  atoms: Atom[];
  /** Places in `atoms`; null where the file does not say. */
  bonds: [number, number][] | null;
}

const READERS: Record<string, (text: string) => Molecule> = { pdb, pqr: pdb, cif, mmcif: cif, mcif: cif, sdf, sd: sdf, mol: sdf, mol2, gro };

/** Raises `SceneError`. */
export function moleculeOf(kind: string, text: string): Molecule {
  const read = READERS[kind];
  if (!read) throw new SceneError("format", kind);
  const found = read(text);
  const atoms = found.atoms.slice(0, MOST.balls);
  if (atoms.length === 0) throw new SceneError("empty");
  return { atoms, bonds: found.bonds?.filter(([from, to]) => atoms[from] && atoms[to]) ?? null };
}

const lines = (text: string) => text.split(/\r?\n/);
const placeOf = (parts: readonly (string | undefined)[], scale = 1): Vector => [0, 1, 2].map((at) => scale * Number(parts[at]?.trim() || Number.NaN)) as Vector;
const isPlace = (atom: Atom) => atom.place.every(Number.isFinite);

/** Fixed columns; PQR has spaces between, which the same columns mostly meet. Of several models the first. */
function pdb(text: string): Molecule {
  const atoms: Atom[] = [];
  for (const line of lines(text)) {
    if (line.startsWith("ENDMDL")) break;
    if (!/^(ATOM|HETATM)/.test(line) || !/[ A1]/.test(line[16] ?? " ")) continue;
    const name = line.slice(12, 16).trim();
    const given = elementName(line.slice(76, 78));
    const atom = { element: given || elementName(name, line.startsWith("ATOM")), place: placeOf([line.slice(30, 38), line.slice(38, 46), line.slice(46, 54)]), name, residue: line.slice(17, 27), chain: line.slice(21, 22) };
    atoms.push(isPlace(atom) ? atom : spaced(line));
  }
  return { atoms: atoms.filter(isPlace), bonds: null };
}

function spaced(line: string): Atom {
  const parts = line.trim().split(/\s+/);
  const at = parts.findIndex((_, index) => index > 3 && parts.slice(index, index + 3).every((part) => /^-?\d+\.\d+$/.test(part)));
  const name = parts[2] ?? "";
  return { element: elementName(name, parts[0] === "ATOM"), place: placeOf(parts.slice(at, at + 3)), name, residue: parts.slice(3, at).join(" "), chain: "" };
}

/** Rows of `_atom_site`; crystals say places as fractions of their cell. */
function cif(text: string): Molecule {
  const all = lines(text);
  const first = all.findIndex((line) => /^\s*_atom_site[._](?!aniso)/.test(line));
  const columns: string[] = [];
  let at = Math.max(0, first);
  for (; /^\s*_atom_site[._]/.test(all[at] ?? ""); at++) columns.push((all[at] ?? "").trim().replace(/^_atom_site[._]/, "").toLowerCase());
  const rows: string[][] = [];
  for (; first >= 0 && at < all.length && !/^\s*(#|loop_|_|data_|$)/.test(all[at] ?? ""); at++) rows.push(words(all[at] ?? ""));
  const value = (row: string[], ...names: string[]) => row[names.map((name) => columns.indexOf(name)).find((column) => column >= 0) ?? -1] ?? "";
  const cell = columns.includes("cartn_x") ? null : cellOf(text);
  const models = columns.includes("pdbx_pdb_model_num") && rows[0] ? value(rows[0], "pdbx_pdb_model_num") : "";
  const atoms = rows.filter((row) => !models || value(row, "pdbx_pdb_model_num") === models).map((row) => {
    const given = ["x", "y", "z"].map((axis) => value(row, `cartn_${axis}`, `fract_${axis}`).replace(/\(\d+\)$/, ""));
    const name = value(row, "label_atom_id", "label");
    const place = cell ? inCell(cell, placeOf(given)) : placeOf(given);
    return { element: elementName(value(row, "type_symbol") || name), place, name, residue: `${value(row, "auth_seq_id", "label_seq_id")} ${value(row, "label_comp_id")}`, chain: value(row, "auth_asym_id", "label_asym_id") };
  });
  return { atoms: atoms.filter(isPlace), bonds: null };
}

const words = (line: string) => [...line.matchAll(/'([^']*)'(?=\s|$)|"([^"]*)"(?=\s|$)|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");

interface Cell {
  a: number;
  b: number;
  c: number;
  alpha: number;
  beta: number;
  gamma: number;
}

function cellOf(text: string): Cell {
  const number = (name: string, fallback: number) => Number.parseFloat(new RegExp(`^\\s*_cell[._]${name}\\s+(\\S+)`, "m").exec(text)?.[1] ?? "") || fallback;
  const angle = (name: string) => (number(`angle_${name}`, 90) * Math.PI) / 180;
  return { a: number("length_a", 1), b: number("length_b", 1), c: number("length_c", 1), alpha: angle("alpha"), beta: angle("beta"), gamma: angle("gamma") };
}

function inCell({ a, b, c, alpha, beta, gamma }: Cell, [x, y, z]: Vector): Vector {
  const [cx, cy] = [Math.cos(beta), (Math.cos(alpha) - Math.cos(beta) * Math.cos(gamma)) / Math.sin(gamma)];
  const cz = Math.sqrt(Math.max(0, 1 - cx * cx - cy * cy));
  return [a * x + b * Math.cos(gamma) * y + c * cx * z, b * Math.sin(gamma) * y + c * cy * z, c * cz * z];
}

/** The first molecule of a file of version 2000. */
function sdf(text: string): Molecule {
  const all = lines(text);
  const counts = all.findIndex((line) => /V[23]000\s*$/.test(line));
  if (counts < 0 || /V3000/.test(all[counts] ?? "")) throw new SceneError("format", "V3000");
  const [many, bound] = [Number((all[counts] ?? "").slice(0, 3)), Number((all[counts] ?? "").slice(3, 6))];
  const atoms = all.slice(counts + 1, counts + 1 + many).map((line) => ({ ...plain(line.slice(31, 34).trim()), place: placeOf([line.slice(0, 10), line.slice(10, 20), line.slice(20, 30)]) }));
  const bonds = all.slice(counts + 1 + many, counts + 1 + many + bound).map((line): [number, number] => [Number(line.slice(0, 3)) - 1, Number(line.slice(3, 6)) - 1]);
  if (!atoms.every(isPlace)) throw new SceneError("broken");
  return { atoms, bonds };
}

const plain = (element: string): Omit<Atom, "place"> => ({ element, name: element, residue: "", chain: "" });

function mol2(text: string): Molecule {
  const part = (name: string) => lines(new RegExp(`@<TRIPOS>${name}\\s*\\n([^@]*)`).exec(text)?.[1] ?? "").map((line) => line.trim().split(/\s+/)).filter((words) => words.length >= 4);
  const rows = part("ATOM").filter((words) => words.length >= 6);
  const numbers = new Map(rows.map(([number = ""], at) => [number, at]));
  const atoms = rows.map((words) => ({ ...plain(elementName((words[5] ?? "").split(".")[0] ?? "")), place: placeOf(words.slice(2, 5)) }));
  if (!atoms.every(isPlace)) throw new SceneError("broken");
  return { atoms, bonds: part("BOND").map((words): [number, number] => [numbers.get(words[1] ?? "") ?? -1, numbers.get(words[2] ?? "") ?? -1]) };
}

/** Nanometres in fixed columns. */
function gro(text: string): Molecule {
  const all = lines(text);
  const atoms = all.slice(2, 2 + Number(all[1])).map((line) => {
    const name = line.slice(10, 15).trim();
    return { element: elementName(name, true), place: placeOf([line.slice(20, 28), line.slice(28, 36), line.slice(36, 44)], 10), name, residue: line.slice(0, 10), chain: "" };
  });
  return { atoms: atoms.filter(isPlace), bonds: null };
}
