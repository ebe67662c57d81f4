/** The scene that a file holds, read by a worker that is ended when it takes too long. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api } from "../api/client";
import { useFiles } from "../media/files";
import type { MoleculeStyle } from "./molecule";
import { type Scene, SceneError } from "./scene";
import type { Answer, Order } from "./worker";

export const LARGEST = 64 << 20; // bytes of a file
const LONGEST = 30_000; // ms of reading

export interface Read {
  scene: Scene | null;
  error: unknown;
  retry: () => void;
}

export function useScene(path: string, style: MoleculeStyle): Read {
  const bytes = useBytes(path);
  const [state, setState] = useState<{ scene: Scene | null; error: unknown }>({ scene: null, error: null });
  useEffect(() => {
    if (!bytes.data) return;
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const fail = (error: SceneError) => {
      worker.terminate();
      setState({ scene: null, error });
    };
    const late = window.setTimeout(() => fail(new SceneError("slow")), LONGEST);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      window.clearTimeout(late);
      if ("scene" in data) setState({ scene: data.scene, error: null });
      else fail(new SceneError(data.code, data.detail));
    };
    worker.onerror = () => fail(new SceneError("broken"));
    worker.postMessage({ name: path, bytes: bytes.data, style } satisfies Order);
    return () => {
      window.clearTimeout(late);
      worker.terminate();
    };
  }, [bytes.data, path, style]);
  return { scene: state.scene, error: bytes.error ?? state.error, retry: () => void bytes.refetch() };
}

function useBytes(path: string): UseQueryResult<ArrayBuffer> {
  const files = useFiles();
  return useQuery({ queryKey: ["media-bytes", files.owner, path], queryFn: ({ signal }) => api.bytes(files.url(path), LARGEST, signal), staleTime: Number.POSITIVE_INFINITY, gcTime: 10_000, retry: false });
}
