/** The credential in the address of a report that was shared by a link. It leaves the address at once. */
const NAME = "accessToken";

function taken(): string {
  const search = new URLSearchParams(location.search);
  const found = search.get(NAME) ?? "";
  if (found) {
    search.delete(NAME);
    const rest = search.toString();
    history.replaceState(null, "", location.pathname + (rest ? `?${rest}` : "") + location.hash);
  }
  return found;
}

let credential = taken();

/** The credential, the first time it is asked for. */
export function sharedLink(): string {
  const found = credential;
  credential = "";
  return found;
}
