/** Boxes and masks over an image, as W&B clients log them. */
import type { Json, Run } from "../api/types";
import { toNumber } from "../lib/format";
import { isObject, listOf, objectOf, parseLoose, textOf } from "../lib/loose";

/** A class of one group of boxes or masks: what is toggled together. */
export interface Layer {
  id: string;
  group: string;
  number: number;
  label: string;
}

export interface Box {
  layer: string;
  /** In parts of the image's width and height. */
  left: number;
  top: number;
  width: number;
  height: number;
  caption: string;
  scores: Record<string, number>;
}

export type Labels = Record<string, string>;

export const layerId = (group: string, number: number) => `${group}\0${number}`;

/** The names of classes that the run says for a key's boxes or masks (`_wandb`'s `mask/class_labels`), by group. */
export function labelsOf(run: Run | undefined, key: string, what: "mask" | "bounding_box"): Record<string, Labels> {
  const found = objectOf(ownConfig(run)[`${what}/class_labels`]);
  const groups: Record<string, Labels> = {};
  for (const [name, entry] of Object.entries(found)) {
    const [owner, group] = name.split("_wandb_delimeter_");
    if (owner === key && group !== undefined) groups[group] = labels(objectOf(entry)["value"]);
  }
  return groups;
}

/** What a W&B client says of its run besides the parameters; empty for other runs. */
export function ownConfig(run: Run | undefined): Record<string, Json> {
  const text = run?.tags["wandb.config"];
  if (!text) return {};
  try {
    return objectOf(parseLoose(text));
  } catch {
    return {}; // anyone may set a tag
  }
}

function labels(value: Json | undefined): Labels {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([number, name]) => [number, String(name)]));
}

/** The boxes of a group's file, and the labels that it names. */
export function boxesOf(group: string, file: Json, size: readonly [number, number]): { boxes: Box[]; labels: Labels } {
  const body = objectOf(file);
  const boxes = listOf(body["box_data"]).filter(isObject).flatMap((item) => {
    const place = placeOf(objectOf(item["position"]), item["domain"] === "pixel" ? size : [1, 1]);
    if (!place) return [];
    const scores = Object.entries(objectOf(item["scores"])).flatMap(([name, value]) => {
      const number = toNumber(value);
      return number === null ? [] : [[name, number] as const];
    });
    return [{ ...place, layer: layerId(group, toNumber(item["class_id"]) ?? 0), caption: textOf(item["box_caption"]), scores: Object.fromEntries(scores) }];
  });
  return { boxes, labels: labels(body["class_labels"]) };
}

function placeOf(position: Record<string, Json>, [wide, high]: readonly [number, number]): Pick<Box, "left" | "top" | "width" | "height"> | null {
  const number = (name: string) => toNumber(position[name]);
  const middle = listOf(position["middle"]).map(toNumber);
  const [width, height] = [number("width"), number("height")];
  const [x, y] = middle;
  if (typeof x === "number" && typeof y === "number" && width !== null && height !== null)
    return { left: (x - width / 2) / wide, top: (y - height / 2) / high, width: width / wide, height: height / high };
  const [left, right, top, bottom] = [number("minX"), number("maxX"), number("minY"), number("maxY")];
  if (left === null || right === null || top === null || bottom === null) return null;
  return { left: left / wide, top: top / high, width: (right - left) / wide, height: (bottom - top) / high };
}

/** The files of an image's groups of boxes or masks. */
export function groupPaths(value: Json | undefined): [string, string][] {
  return Object.entries(objectOf(value)).flatMap(([group, pointer]) => {
    const path = textOf(objectOf(pointer)["path"]);
    return path ? [[group, path] as [string, string]] : [];
  });
}

/** The classes of boxes and masks that are there, in the order of groups and numbers. */
export function layersOf(groups: readonly { group: string; numbers: readonly number[]; labels: Labels }[]): Layer[] {
  const found = new Map<string, Layer>();
  for (const { group, numbers, labels: names } of groups)
    for (const number of numbers) {
      const id = layerId(group, number);
      found.set(id, { id, group, number, label: names[String(number)] ?? String(number) });
    }
  return [...found.values()].sort((a, b) => a.group.localeCompare(b.group) || a.number - b.number);
}

/** The names of a file of classes, which a W&B client keeps beside pictures in tables. */
export function classLabels(file: Json | undefined): Labels {
  return Object.fromEntries(listOf(objectOf(file)["class_set"]).filter(isObject).map((one) => [String(one["id"]), textOf(one["name"])]));
}

/** The lowest and highest score that boxes have, by the score's name. */
export function scoreRanges(boxes: readonly Box[]): Record<string, [number, number]> {
  const ranges: Record<string, [number, number]> = {};
  for (const box of boxes)
    for (const [name, score] of Object.entries(box.scores)) {
      const known = ranges[name];
      ranges[name] = known ? [Math.min(known[0], score), Math.max(known[1], score)] : [score, score];
    }
  return ranges;
}

/** Whether a box has every score at least as large as asked; a box without a score passes. */
export const passes = (box: Box, least: Record<string, number>) => Object.entries(least).every(([name, value]) => (box.scores[name] ?? Number.POSITIVE_INFINITY) >= value);
