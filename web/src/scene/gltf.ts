/** Models in glTF 2.0, as one file of bytes (`.glb`) or as JSON that holds its buffers. Nothing else is fetched. */
import type { Json } from "../api/types";
import { isObject, type JsonObject, listOf, objectOf, textOf } from "../lib/loose";
import { Builder, type Patch } from "./builder";
import { IDENTITY, type Matrix, moved, placed, times, turned } from "./matrix";
import { MOST, type Rgb, type Scene, SceneError, type Vector } from "./scene";

const DEEPEST = 64; // nodes below nodes
const NODES = 20_000;
const PICTURES = 32;
const PICTURE_SIDE = 4096; // pixels

export async function glbScene(bytes: ArrayBuffer): Promise<Scene> {
  const view = new DataView(bytes);
  if (bytes.byteLength < 20 || view.getUint32(0, true) !== 0x46546c67) throw new SceneError("broken");
  let [json, binary] = ["", null as ArrayBuffer | null];
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const [length, kind] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (at + 8 + length > bytes.byteLength) throw new SceneError("broken");
    if (kind === 0x4e4f534a) json = new TextDecoder().decode(new Uint8Array(bytes, at + 8, length));
    if (kind === 0x004e4942) binary = bytes.slice(at + 8, at + 8 + length);
    at += 8 + length;
  }
  return gltfScene(JSON.parse(json) as Json, binary);
}

export async function gltfScene(file: Json, binary: ArrayBuffer | null): Promise<Scene> {
  const model = new Model(objectOf(file), binary);
  await model.loadPictures();
  model.drawScene();
  return model.finish();
}

const numbersOf = (value: Json | undefined, fallback: readonly number[]) => {
  const found = listOf(value).map(Number);
  return found.length === fallback.length && found.every(Number.isFinite) ? found : [...fallback];
};
const countOf = (value: Json | undefined, fallback = -1) => (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : fallback);

const READERS: Record<number, { size: number; read: (view: DataView, at: number) => number; most: number }> = {
  5120: { size: 1, read: (view, at) => view.getInt8(at), most: 127 },
  5121: { size: 1, read: (view, at) => view.getUint8(at), most: 255 },
  5122: { size: 2, read: (view, at) => view.getInt16(at, true), most: 32767 },
  5123: { size: 2, read: (view, at) => view.getUint16(at, true), most: 65535 },
  5125: { size: 4, read: (view, at) => view.getUint32(at, true), most: 4294967295 },
  5126: { size: 4, read: (view, at) => view.getFloat32(at, true), most: 1 },
};
const WIDTHS: Record<string, number> = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 };

interface Material {
  color: Rgb;
  picture: ImageBitmap | null;
}

class Model {
  private readonly builder = new Builder();
  private readonly buffers: ArrayBuffer[];
  private readonly pictures: (ImageBitmap | null)[] = [];
  private readonly patches = new Map<ImageBitmap | null, Patch>();
  private total = 0;
  private visited = 0;

  constructor(
    private readonly file: JsonObject,
    binary: ArrayBuffer | null,
  ) {
    if (listOf(file["extensionsRequired"]).some((name) => /draco|meshopt/i.test(textOf(name)))) throw new SceneError("compressed");
    this.buffers = listOf(file["buffers"]).map((buffer) => bufferOf(textOf(objectOf(buffer)["uri"]), binary));
  }

  finish(): Scene {
    return this.builder.finish("y", [{ kind: "triangles", count: this.builder.shownTriangles, total: this.total }]);
  }

  async loadPictures(): Promise<void> {
    for (const image of listOf(this.file["images"]).slice(0, PICTURES)) this.pictures.push(await this.pictureOf(objectOf(image)));
  }

  /** A picture that cannot be read leaves its surface plain. */
  private async pictureOf(image: JsonObject): Promise<ImageBitmap | null> {
    try {
      const bytes = image["bufferView"] === undefined ? dataOf(textOf(image["uri"])) : this.viewOf(countOf(image["bufferView"]));
      const made = await createImageBitmap(new Blob([bytes.slice()], { type: textOf(image["mimeType"]) || "image/png" }));
      return Math.max(made.width, made.height) <= PICTURE_SIDE ? made : await createImageBitmap(made, { resizeWidth: PICTURE_SIDE / 2, resizeHeight: PICTURE_SIDE / 2 });
    } catch {
      return null;
    }
  }

  drawScene(): void {
    const scene = objectOf(listOf(this.file["scenes"])[countOf(this.file["scene"], 0)]);
    const roots = listOf(scene["nodes"]);
    const all = roots.length > 0 ? roots : listOf(this.file["nodes"]).map((_, at) => at);
    for (const node of all) this.drawNode(countOf(node), IDENTITY, 0);
  }

  private drawNode(number: number, above: Matrix, depth: number): void {
    const node = listOf(this.file["nodes"])[number];
    this.visited += 1;
    if (!isObject(node) || depth > DEEPEST || this.visited > NODES || this.builder.isFull) return;
    const own = node["matrix"] === undefined ? placed(numbersOf(node["translation"], [0, 0, 0]), numbersOf(node["rotation"], [0, 0, 0, 1]), numbersOf(node["scale"], [1, 1, 1])) : numbersOf(node["matrix"], IDENTITY);
    const matrix = times(above, own);
    const mesh = listOf(this.file["meshes"])[countOf(node["mesh"])];
    for (const part of listOf(objectOf(mesh)["primitives"]).filter(isObject)) this.drawPart(part, matrix);
    for (const child of listOf(node["children"])) this.drawNode(countOf(child), matrix, depth + 1);
  }

  private drawPart(part: JsonObject, matrix: Matrix): void {
    const attributes = objectOf(part["attributes"]);
    const places = this.vectors(attributes["POSITION"], 3);
    const material = this.materialOf(countOf(part["material"]));
    const tints = this.vectors(attributes["COLOR_0"], 3);
    const colorAt = (at: number): Rgb => (tints[at] ? (tints[at].map((tint, channel) => (material.color[channel] ?? 0) * toScreen(tint)) as unknown as Rgb) : material.color);
    const at = part["indices"] === undefined ? places.map((_, index) => index) : this.vectors(part["indices"], 1).map(([index]) => index ?? -1);
    const stands = places.map((place) => moved(matrix, place as Vector));
    const mode = countOf(part["mode"], 4);
    if (mode === 0) for (const index of at) this.builder.point(stands[index] ?? [Number.NaN, 0, 0], colorAt(index));
    else if (mode < 4) this.drawLines(at, mode, stands, colorAt);
    else this.drawTriangles(threes(at, mode), stands, colorAt, attributes, material, matrix);
  }

  private drawLines(at: readonly number[], mode: number, stands: readonly Vector[], colorAt: (at: number) => Rgb): void {
    const pairs = at.flatMap((from, index) => (mode === 1 && index % 2 ? [] : index + 1 < at.length ? [[from, at[index + 1] ?? -1]] : mode === 2 ? [[from, at[0] ?? -1]] : []));
    for (const [from = -1, to = -1] of pairs) {
      const [one, other] = [stands[from], stands[to]];
      if (one && other) this.builder.line(one, other, colorAt(from));
    }
  }

  private drawTriangles(corners: readonly number[], stands: readonly Vector[], colorAt: (at: number) => Rgb, attributes: JsonObject, material: Material, matrix: Matrix): void {
    const normals = this.vectors(attributes["NORMAL"], 3).map((normal) => unit(turned(matrix, normal as Vector)));
    const uvs = this.vectors(attributes["TEXCOORD_0"], 2);
    const picture = uvs.length > 0 ? material.picture : null;
    const patch = this.patches.get(picture) ?? this.builder.patch(picture);
    this.patches.set(picture, patch);
    this.total += Math.floor(corners.length / 3);
    for (let index = 0; index + 2 < corners.length; index += 3) {
      const three = corners.slice(index, index + 3);
      const places = three.map((at) => stands[at]).filter((place) => place !== undefined);
      if (places.length < 3) throw new SceneError("broken");
      const sides = three.map((at) => normals[at]).filter((normal) => normal !== undefined);
      if (!this.builder.triangle(patch, places, three.map(colorAt), sides.length === 3 ? sides : null, three.flatMap((at) => [uvs[at]?.[0] ?? 0, uvs[at]?.[1] ?? 0]))) return;
    }
  }

  private materialOf(number: number): Material {
    const material = objectOf(listOf(this.file["materials"])[number]);
    const base = objectOf(material["pbrMetallicRoughness"]);
    const factor = numbersOf(base["baseColorFactor"], [0.8, 0.8, 0.8, 1]);
    const texture = objectOf(listOf(this.file["textures"])[countOf(objectOf(base["baseColorTexture"])["index"])]);
    const picture = this.pictures[countOf(texture["source"])] ?? null;
    const color = picture && base["baseColorFactor"] === undefined ? [1, 1, 1] : factor.slice(0, 3);
    return { picture, color: color.map((part) => 255 * toScreen(part)) as unknown as Rgb };
  }

  private viewOf(number: number): Uint8Array<ArrayBuffer> {
    const view = objectOf(listOf(this.file["bufferViews"])[number]);
    const buffer = this.buffers[countOf(view["buffer"])];
    const [start, length] = [countOf(view["byteOffset"], 0), countOf(view["byteLength"])];
    if (!buffer || length < 0 || start + length > buffer.byteLength) throw new SceneError("broken");
    return new Uint8Array(buffer, start, length);
  }

  /** The values of an accessor, the first `width` of each; an empty list when there is none. */
  private vectors(number: Json | undefined, width: number): number[][] {
    if (number === undefined) return [];
    const accessor = objectOf(listOf(this.file["accessors"])[countOf(number)]);
    if (accessor["bufferView"] === undefined) return [];
    const bytes = this.viewOf(countOf(accessor["bufferView"]));
    const reader = READERS[countOf(accessor["componentType"])];
    const parts = WIDTHS[textOf(accessor["type"])] ?? 0;
    const [count, start] = [countOf(accessor["count"]), countOf(accessor["byteOffset"], 0)];
    if (!reader || parts < width || count < 0) throw new SceneError("broken");
    if (count > MOST.corners) throw new SceneError("large");
    const packed = parts * reader.size;
    const stride = countOf(objectOf(listOf(this.file["bufferViews"])[countOf(accessor["bufferView"])])["byteStride"], packed) || packed;
    if (stride < packed || (count > 0 && start + (count - 1) * stride + packed > bytes.byteLength)) throw new SceneError("broken");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const scale = accessor["normalized"] === true ? 1 / reader.most : 1;
    return Array.from({ length: count }, (_, at) => Array.from({ length: width }, (_, part) => scale * reader.read(view, start + at * stride + part * reader.size)));
  }
}

/** Light counts evenly in files, and as screens want it here. */
const toScreen = (value: number) => Math.min(1, Math.max(0, value)) ** (1 / 2.2);

function unit([x, y, z]: Vector): Vector {
  const length = Math.hypot(x, y, z) || 1;
  return [x / length, y / length, z / length];
}

/** Strips and fans as single triangles. */
function threes(at: readonly number[], mode: number): readonly number[] {
  if (mode === 4) return at;
  return at.slice(2).flatMap((last, index) => (mode === 6 ? [at[0] ?? -1, at[index + 1] ?? -1, last] : index % 2 ? [at[index + 1] ?? -1, at[index] ?? -1, last] : [at[index] ?? -1, at[index + 1] ?? -1, last]));
}

function bufferOf(address: string, binary: ArrayBuffer | null): ArrayBuffer {
  if (address) return dataOf(address).buffer;
  if (!binary) throw new SceneError("broken");
  return binary;
}

/** The bytes that stand in an address themselves. */
function dataOf(address: string): Uint8Array<ArrayBuffer> {
  const match = /^data:[^,]*;base64,(.*)$/s.exec(address);
  if (!match) throw new SceneError("elsewhere", address.slice(0, 80));
  return Uint8Array.from(atob(match[1] ?? ""), (sign) => sign.charCodeAt(0));
}
