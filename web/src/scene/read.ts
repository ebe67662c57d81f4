/** Which reader a file needs. */
import { parseLoose } from "../lib/loose";
import { glbScene, gltfScene } from "./gltf";
import { objScene, stlScene } from "./meshes";
import { type MoleculeStyle, moleculeScene } from "./molecule";
import { pointScene } from "./points";
import { type Scene, SceneError } from "./scene";

const textOf = (bytes: ArrayBuffer) => new TextDecoder().decode(bytes);

/** Raises `SceneError`, and whatever a broken file makes JavaScript raise. */
export async function readScene(name: string, bytes: ArrayBuffer, style: MoleculeStyle): Promise<Scene> {
  const suffix = name.toLowerCase().split(".").at(-1) ?? "";
  switch (suffix) {
    case "json":
      return pointScene(parseLoose(textOf(bytes)));
    case "obj":
      return objScene(textOf(bytes));
    case "stl":
      return stlScene(bytes);
    case "glb":
      return glbScene(bytes);
    case "gltf":
      return gltfScene(parseLoose(textOf(bytes)), null);
    case "babylon":
      throw new SceneError("format", suffix);
    default:
      return moleculeScene(suffix, textOf(bytes), style);
  }
}
