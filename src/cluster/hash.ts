/** A hash to choose addresses and ports by: the same name gets the same one in every run, whatever else exists. */

/** FNV-1a over the UTF-16 code units (names are ASCII): 0 to 2³²−1. */
export function hashName(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}
