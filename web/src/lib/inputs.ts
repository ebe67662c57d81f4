import type { Run } from "../api/types";

/** A version of some data that a run has read. */
export interface DataVersion {
  /** `md5:…`, or `v3` of an artifact. */
  version: string;
  /** Whether the run read a file of it that was not as recorded. */
  changed: boolean;
  /** Whether the data has a page of its own. */
  tracked: boolean;
  artifact: boolean;
}

/** Which version of which data a run read: by tracked path, or by the name of an artifact. */
export function dataOf(run: Run): Map<string, DataVersion> {
  const found = new Map<string, DataVersion>();
  for (const use of run.uses ?? []) {
    const at = use.version.lastIndexOf(":");
    if (at > 0) found.set(use.version.slice(0, at), { version: use.version.slice(at + 1), changed: false, tracked: false, artifact: true });
    else if (use.path) found.set(use.path, { version: use.digest, changed: false, tracked: false, artifact: false });
  }
  for (const item of run.inputs ?? []) {
    const whole = !item.out || item.out === item.path;
    const changed = item.recorded !== "" && item.digest !== item.recorded;
    const name = whole ? item.path : (item.out as string);
    const known = found.get(name);
    if (whole) found.set(name, { version: item.digest || item.recorded, changed, tracked: Boolean(item.out), artifact: false });
    else found.set(name, { version: item.version ?? "", changed: changed || (known?.changed ?? false), tracked: true, artifact: false });
  }
  return found;
}
