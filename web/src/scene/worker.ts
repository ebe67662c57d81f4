/** Reads a file beside the page: a hostile one can hold up this worker alone, which is then ended. */
import type { MoleculeStyle } from "./molecule";
import { readScene } from "./read";
import { buffersOf, type Scene, SceneError } from "./scene";

export interface Order {
  name: string;
  bytes: ArrayBuffer;
  style: MoleculeStyle;
}

export type Answer = { scene: Scene } | { code: SceneError["code"]; detail: string };

self.onmessage = async ({ data }: MessageEvent<Order>): Promise<void> => {
  const post = self.postMessage as (message: Answer, transfer?: Transferable[]) => void;
  try {
    const scene = await readScene(data.name, data.bytes, data.style);
    post({ scene }, buffersOf(scene));
  } catch (error) {
    // Whatever a reader stumbles over is a fault of the file: JSON's, an index's, a number's.
    post(error instanceof SceneError ? { code: error.code, detail: error.detail } : { code: "broken", detail: error instanceof Error ? error.message.slice(0, 200) : "" });
  }
};
