/** The boxes and masks of an image, read from their files. */
import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api/client";
import { objectOf, parseLoose, textOf } from "../lib/loose";
import { useFiles } from "./files";
import { type Box, boxesOf, classLabels, groupPaths, type Labels, type Layer, layersOf } from "./overlays";
import type { Item } from "./pointer";
import { useJson } from "./useFile";

/** The classes of an image's pixels, row by row. */
export interface Mask {
  group: string;
  width: number;
  height: number;
  classes: Uint8Array;
}

export interface Overlays {
  boxes: Box[];
  masks: Mask[];
  layers: Layer[];
  error: unknown;
}

const FOREVER = { staleTime: Number.POSITIVE_INFINITY, gcTime: 60_000 };

export function useOverlays(item: Item, size: readonly [number, number] | null, named: Record<"boxes" | "masks", Record<string, Labels>>): Overlays {
  const files = useFiles();
  const [boxGroups, maskGroups] = [groupPaths(item.facts["boxes"]), groupPaths(item.facts["masks"])];
  const boxFiles = useQueries({
    queries: boxGroups.map(([, path]) => ({ queryKey: ["media-json", files.owner, path], queryFn: async ({ signal }: { signal: AbortSignal }) => parseLoose(await api.text(files.url(path), signal)), ...FOREVER })),
  });
  const maskFiles = useQueries({ queries: maskGroups.map(([, path]) => ({ queryKey: ["media-mask", files.owner, path], queryFn: () => readMask(files.url(path)), ...FOREVER })) });
  const classes = useJson(textOf(objectOf(item.facts["classes"])["path"])).data;
  const ready = [...boxFiles, ...maskFiles].map((query) => query.dataUpdatedAt).join();
  return useMemo(() => {
    const read = boxGroups.flatMap(([group], at) => {
      const body = boxFiles[at]?.data;
      return body === undefined ? [] : [{ group, ...boxesOf(group, body, size ?? [1, 1]) }];
    });
    const byClass = classLabels(classes);
    const masks = maskGroups.flatMap(([group], at) => {
      const found = maskFiles[at]?.data;
      return found ? [{ group, ...found }] : [];
    });
    const layers = layersOf([
      ...read.map(({ group, boxes, labels }) => ({ group, numbers: boxes.map((box) => Number(box.layer.split("\0")[1])), labels: { ...byClass, ...named.boxes[group], ...labels } })),
      ...masks.map(({ group, classes }) => ({ group, numbers: [...new Set(classes)], labels: { ...byClass, ...named.masks[group] } })),
    ]);
    return { boxes: read.flatMap((group) => group.boxes), masks, layers, error: [...boxFiles, ...maskFiles].find((query) => query.error)?.error ?? null };
  }, [ready, classes, item, size?.[0], size?.[1]]);
}

/** A mask is a picture whose grey is the number of a class. */
async function readMask(address: string): Promise<Omit<Mask, "group">> {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser draws no pictures.");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  return { width, height, classes: Uint8Array.from({ length: width * height }, (_, at) => pixels[at * 4] ?? 0) };
}
