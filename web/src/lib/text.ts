/** Bytes as text. */

/** The text that the beginning of a file is: UTF-8, UTF-16 with its mark, or CP949, as spreadsheets write it; null when
 * it is none. Of a file that goes on, whole lines. */
export function decoded(bytes: Uint8Array, isWhole: boolean): string | null {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    const text = new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
    return isWhole ? text : text.slice(0, text.lastIndexOf("\n") + 1 || text.length);
  }
  if (bytes.includes(0)) return null;
  const end = isWhole ? bytes.length : bytes.lastIndexOf(10) + 1 || bytes.length;
  const lines = bytes.subarray(0, end);
  for (const encoding of ["utf-8", "euc-kr"]) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(lines, { stream: end === bytes.length && !isWhole });
    } catch {
      // the next one, then
    }
  }
  return new TextDecoder().decode(lines);
}
