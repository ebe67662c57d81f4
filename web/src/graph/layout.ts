/** Orders the boxes of a directed graph in layers: edges point one way, cross little, and run straight where they can. */
import { type Direction, type Layout, place } from "./place";

export interface Box {
  id: string;
  width: number;
  height: number;
}

export interface Edge {
  from: string;
  to: string;
}

const BETWEEN_BOXES = 18;
const SWEEPS = 16;

/** A box, or (without id) the place where long edges cross a layer. */
export interface Item {
  id: string;
  /** Across the layer, and along the direction. */
  size: number;
  depth: number;
  layer: number;
  /** The middle, across the layer. */
  at: number;
  before: Item[];
  after: Item[];
}

export function layOut(boxes: readonly Box[], edges: readonly Edge[], direction: Direction): Layout {
  const items = new Map(boxes.map((box) => [box.id, item(box.id, direction === "right" ? box.height : box.width, direction === "right" ? box.width : box.height)]));
  const known = edges.filter((edge) => items.has(edge.from) && items.has(edge.to) && edge.from !== edge.to);
  const pairs = withoutCircles(boxes, known);
  assignLayers(items, pairs);
  const routes = chains(items, pairs);
  const layers = layersOf([...items.values(), ...new Set([...routes.values()].flat())]);
  order(layers);
  align(layers);
  return place(items, layers, edges.map((edge) => wayOf(edge, items, routes)), direction);
}

/** The items from one end of an edge to the other; none for one that leads nowhere. */
function wayOf({ from, to }: Edge, items: Map<string, Item>, routes: Map<string, Item[]>): Item[] {
  const between = routes.get(keyOf(from, to)) ?? routes.get(keyOf(to, from));
  const ends = routes.has(keyOf(from, to)) ? [items.get(from), items.get(to)] : [items.get(to), items.get(from)];
  const [start, end] = ends;
  return between && start && end ? [start, ...between, end] : [];
}

const item = (id: string, size: number, depth: number): Item => ({ id, size, depth, layer: 0, at: 0, before: [], after: [] });
const keyOf = (from: string, to: string) => `${from}\0${to}`;

/** Pairs from → to that form no circle: an edge that closes one is turned round. */
function withoutCircles(boxes: readonly Box[], edges: readonly Edge[]): [string, string][] {
  const after = new Map<string, string[]>();
  for (const edge of edges) after.set(edge.from, [...(after.get(edge.from) ?? []), edge.to]);
  const state = new Map<string, "open" | "done">();
  const pairs = new Map<string, [string, string]>();
  for (const { id: start } of boxes) {
    if (state.has(start)) continue;
    const stack = [{ id: start, next: 0 }];
    state.set(start, "open");
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const to = after.get(top.id)?.[top.next++];
      if (to === undefined) {
        state.set(top.id, "done");
        stack.pop();
        continue;
      }
      const [from, target] = state.get(to) === "open" ? [to, top.id] : [top.id, to];
      pairs.set(keyOf(from, target), [from, target]);
      if (!state.has(to)) {
        state.set(to, "open");
        stack.push({ id: to, next: 0 });
      }
    }
  }
  return [...pairs.values()];
}

/** Each box as far from the start as its longest way there; those that nothing leads to go right before their first use. */
function assignLayers(items: Map<string, Item>, pairs: readonly [string, string][]): void {
  const after = new Map<string, string[]>();
  const waits = new Map<string, number>();
  for (const [from, to] of pairs) {
    after.set(from, [...(after.get(from) ?? []), to]);
    waits.set(to, (waits.get(to) ?? 0) + 1);
  }
  const roots = [...items.keys()].filter((id) => !waits.has(id));
  const ready = [...roots];
  const layer = (id: string) => items.get(id)?.layer ?? 0;
  for (let id = ready.shift(); id !== undefined; id = ready.shift())
    for (const to of after.get(id) ?? []) {
      const target = items.get(to);
      if (target) target.layer = Math.max(target.layer, layer(id) + 1);
      const left = (waits.get(to) ?? 1) - 1;
      waits.set(to, left);
      if (left === 0) ready.push(to);
    }
  for (const id of roots) {
    const targets = after.get(id);
    const root = items.get(id);
    if (root && targets) root.layer = Math.min(...targets.map(layer)) - 1;
  }
}

/** Splits edges that skip layers, those of one box together; gives the items between the ends of each edge. */
function chains(items: Map<string, Item>, pairs: readonly [string, string][]): Map<string, Item[]> {
  const routes = new Map<string, Item[]>();
  const bends = new Map<string, Item[]>();
  for (const [from, to] of pairs) {
    const [start, end] = [items.get(from), items.get(to)];
    if (!start || !end) continue;
    const shared = bends.get(from) ?? [];
    bends.set(from, shared);
    while (shared.length < end.layer - start.layer - 1) {
      const bend = { ...item("", 4, 0), layer: start.layer + 1 + shared.length };
      connect(shared.at(-1) ?? start, bend);
      shared.push(bend);
    }
    const between = shared.slice(0, Math.max(0, end.layer - start.layer - 1));
    connect(between.at(-1) ?? start, end);
    routes.set(keyOf(from, to), between);
  }
  return routes;
}

function connect(from: Item, to: Item): void {
  from.after.push(to);
  to.before.push(from);
}

function layersOf(items: readonly Item[]): Item[][] {
  const layers: Item[][] = [];
  for (const one of items) {
    layers[one.layer] ??= [];
    layers[one.layer]?.push(one);
  }
  return [...layers].map((layer) => layer ?? []);
}

/** Moves neighbours near each other, layer by layer, back and forth; keeps the order with the fewest crossings. */
function order(layers: Item[][]): void {
  number(layers);
  let best = layers.map((layer) => [...layer]);
  let fewest = crossings(layers);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      const wanted = new Map(layer.map((one) => [one, mean((down ? one.before : one.after).map((other) => other.at)) ?? one.at]));
      layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      layer.forEach((one, at) => {
        one.at = at;
      });
    }
    const count = crossings(layers);
    if (count < fewest) {
      fewest = count;
      best = layers.map((layer) => [...layer]);
    }
  }
  best.forEach((layer, at) => {
    layers[at] = layer;
  });
  number(layers);
}

function number(layers: readonly Item[][]): void {
  for (const layer of layers)
    layer.forEach((one, at) => {
      one.at = at;
    });
}

const mean = (values: readonly number[]) => (values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length);

/** How often edges between neighbouring layers cross: inversions, counted by merging. */
function crossings(layers: readonly Item[][]): number {
  let count = 0;
  for (const layer of layers) {
    const ends = layer.flatMap((one) => one.after.map((other) => other.at).sort((a, b) => a - b));
    count += inversions(ends);
  }
  return count;
}

function inversions(values: number[]): number {
  if (values.length < 2) return 0;
  const middle = values.length >> 1;
  const [left, right] = [values.slice(0, middle), values.slice(middle)];
  let count = inversions(left) + inversions(right);
  for (let i = 0, j = 0, k = 0; k < values.length; k++) {
    const [a, b] = [left[i], right[j]];
    if (b === undefined || (a !== undefined && a <= b)) {
      values[k] = a as number;
      i += 1;
    } else {
      values[k] = b;
      j += 1;
      count += left.length - i;
    }
  }
  return count;
}

/** Centres of the items across the layers: each near its neighbours, none on top of another, long edges straight. */
function align(layers: readonly Item[][]): void {
  for (const layer of layers) {
    let at = 0;
    for (const one of layer) {
      one.at = at + one.size / 2;
      at += one.size + BETWEEN_BOXES;
    }
    const shift = (at - BETWEEN_BOXES) / 2;
    for (const one of layer) one.at -= shift;
  }
  for (let pass = 0; pass < 12; pass++) {
    const down = pass % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse())
      settle(
        layer,
        layer.map((one) => {
          const near = pass > 9 ? [...one.before, ...one.after] : down ? one.before : one.after;
          return mean(near.map((other) => other.at)) ?? one.at;
        }),
      );
  }
}

/** The places nearest to the wanted ones that keep order and distance: neighbours that collide move as one. */
function settle(layer: readonly Item[], wanted: readonly number[]): void {
  interface Block {
    first: number;
    count: number;
    weight: number;
    sum: number;
  }
  const offsets: number[] = [];
  let offset = 0;
  layer.forEach((one, at) => {
    const before = layer[at - 1];
    if (before) offset += before.size / 2 + one.size / 2 + BETWEEN_BOXES;
    offsets.push(offset);
  });
  const blocks: Block[] = [];
  layer.forEach((one, at) => {
    const weight = one.id ? 1 : 3;
    let block: Block = { first: at, count: 1, weight, sum: weight * ((wanted[at] ?? 0) - (offsets[at] ?? 0)) };
    for (let last = blocks.at(-1); last && last.sum / last.weight > block.sum / block.weight; last = blocks.at(-1)) {
      blocks.pop();
      block = { first: last.first, count: last.count + block.count, weight: last.weight + block.weight, sum: last.sum + block.sum };
    }
    blocks.push(block);
  });
  for (const block of blocks)
    for (let at = block.first; at < block.first + block.count; at++) {
      const one = layer[at];
      if (one) one.at = block.sum / block.weight + (offsets[at] ?? 0);
    }
}
