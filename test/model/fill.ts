/**
 * What a script's file contains before anybody writes to it, as docs/script.md, section 8, defines it.
 */

/** The 32-bit word that fills page `page` of the file with this name. */
export function fillOf(name: string, page: number): number {
  let hash = 0x811c9dc5;
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return ((hash ^ Math.imul(page, 0x9e3779b1)) & 0xffffff00) | 0xcc;
}
