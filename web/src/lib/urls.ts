/** Addresses that users wrote. */

/** The address where it leads to the web or to this server; empty where it would run something or is none. */
export function safeUrl(url: string): string {
  try {
    const found = new URL(url, location.href);
    return ["http:", "https:", "mailto:"].includes(found.protocol) ? found.href : "";
  } catch {
    return "";
  }
}

/** Whether an address is one of this server. */
export function isHere(url: string): boolean {
  try {
    return new URL(url, location.href).origin === location.origin;
  } catch {
    return false;
  }
}
