/**
 * What a run logged at a step besides numbers. The SDK writes `{"media": KIND, "path", …}` (sdk/media.py); what came from a
 * W&B client keeps its own fields (`_type`, `filenames`, `captions`, …) beside `media`.
 */
import type { Json } from "../api/types";
import { toNumber } from "../lib/format";
import { isObject, type JsonObject, listOf, objectOf, textOf } from "../lib/loose";

export type Kind = "image" | "video" | "audio" | "html" | "table" | "text" | "plotly" | "histogram" | "confusion-matrix" | "molecule" | "object3d" | "bokeh" | "file";

/** One thing to show. `facts` is the pointer it came from. */
export interface Item {
  kind: Kind;
  path: string;
  caption: string;
  facts: JsonObject;
}

const KINDS: Record<string, Kind> = {
  image: "image", "image-file": "image", images: "image", "images/separated": "image",
  video: "video", "video-file": "video", videos: "video",
  audio: "audio", "audio-file": "audio",
  html: "html", "html-file": "html",
  table: "table", "table-file": "table", "joined-table": "table", "partitioned-table": "table", "incremental-table-file": "table",
  text: "text",
  plotly: "plotly", "plotly-file": "plotly",
  histogram: "histogram",
  "confusion-matrix": "confusion-matrix",
  molecule: "molecule", "molecule-file": "molecule",
  object3d: "object3d", object3D: "object3d", "object3D-file": "object3d",
  bokeh: "bokeh", "bokeh-file": "bokeh",
};

/** The pointer that a logged value is; null for anything else. */
export function pointerOf(value: Json | undefined): JsonObject | null {
  return isObject(value) && (typeof value["media"] === "string" || typeof value["_type"] === "string") ? value : null;
}

export function kindOf(pointer: JsonObject): Kind {
  return KINDS[textOf(pointer["_type"])] ?? KINDS[textOf(pointer["media"])] ?? "file";
}

/** What there is to show of a logged value: several of a list, one of most, none of a number. */
export function itemsOf(value: Json | undefined): Item[] {
  const pointer = pointerOf(value);
  if (!pointer) {
    if (typeof value === "string" && toNumber(value) === null) return [{ kind: "text", path: "", caption: "", facts: { text: value } }];
    return Array.isArray(value) && value.some(pointerOf) ? value.flatMap(itemsOf) : [];
  }
  if (pointer["media"] === "json") return jsonItems(pointer["value"]);
  const kind = kindOf(pointer);
  const captions = listOf(pointer["captions"]);
  const names = listOf(pointer["filenames"]);
  if (names.length > 0) return names.map((name, at) => ({ kind, path: inFolder(kind, textOf(name)), caption: textOf(captions[at]), facts: factsAt(pointer, at) }));
  const members = membersOf(pointer);
  if (members) return members.map((member, at) => ({ kind, path: textOf(member["path"]), caption: textOf(member["caption"]) || textOf(captions[at]), facts: member }));
  return [{ kind, path: textOf(pointer["path"]), caption: textOf(pointer["caption"]), facts: pointer }];
}

/** Lists of scenes and molecules name their files within the folder of their kind. */
function inFolder(kind: Kind, name: string): string {
  const folder = { object3d: "media/object3D/", molecule: "media/molecule/" }[kind as string];
  return folder === undefined || name.startsWith(folder) ? name : folder + name;
}

/** A list or an object that a W&B client logged as it is. */
function jsonItems(value: Json | undefined): Item[] {
  const listed = listOf(value);
  if (listed.some((one) => pointerOf(one) !== null)) return listed.flatMap(itemsOf);
  return [{ kind: "text", path: "", caption: "", facts: { text: JSON.stringify(value, null, Array.isArray(value) ? 0 : 2) } }];
}

/** Lists of sounds, videos and pages hold whole pointers, under a name that depends on the client's version. */
function membersOf(pointer: JsonObject): JsonObject[] | null {
  if (pointer["path"] !== undefined) return null;
  for (const name of ["audio", "videos", "html", "plotly", "items", "objects"]) {
    const found = listOf(pointer[name]).filter(isObject);
    if (found.length > 0) return found;
  }
  return null;
}

/** What a list of images says of one of them. */
function factsAt(pointer: JsonObject, at: number): JsonObject {
  const { all_boxes: boxes, all_masks: masks, width, height, format } = pointer;
  const facts: JsonObject = {};
  for (const [name, value] of Object.entries({ width, height, format })) if (value !== undefined) facts[name] = value;
  const [box, mask] = [listOf(boxes)[at], listOf(masks)[at]];
  if (isObject(box)) facts["boxes"] = box;
  if (isObject(mask)) facts["masks"] = mask;
  return facts;
}

export interface Bins {
  counts: number[];
  edges: number[];
}

const numbers = (value: Json | undefined) => listOf(value).map((item) => toNumber(item) ?? 0);

/** Counts and edges of a histogram; null when the pointer has none. */
export function binsOf(facts: JsonObject): Bins | null {
  const counts = numbers(facts["counts"] ?? facts["values"]);
  const packed = objectOf(facts["packedBins"]);
  const [low, size] = [toNumber(packed["min"]), toNumber(packed["size"])];
  const edges = low !== null && size !== null ? Array.from({ length: counts.length + 1 }, (_, at) => low + at * size) : numbers(facts["edges"] ?? facts["bins"]);
  return counts.length > 0 && edges.length === counts.length + 1 ? { counts, edges } : null;
}
