/** Which logged keys a reader sees: those of the machine have a tab of their own, those that begin with `_` are bookkeeping. */

export const isSystem = (key: string) => key.startsWith("system/");
export const isHidden = (key: string) => key.startsWith("_");

/** Whether a key is what the run itself measured. */
export const isOwn = (key: string) => !isSystem(key) && !isHidden(key);
