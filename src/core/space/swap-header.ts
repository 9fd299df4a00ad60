/**
 * The first page of a swap area, as mkswap writes it.
 *
 *   0        1024     1028       1032         1036   1052   1536 …        4086
 *   (boot)   version  last page  bad pages    UUID   label  bad page list "SWAPSPACE2"
 *
 * Numbers have 32 bits, in the byte order of the machine that made the area; version is 1 and tells the order.
 * Linux: include/linux/swap.h union swap_header, mm/swapfile.c read_swap_header (6.12)   Doc: man 8 mkswap
 */
import { PAGE_SIZE } from "../base/types.ts";

const VERSION = 1024;
const LAST_PAGE = 1028;
const NR_BAD_PAGES = 1032;
const UUID = 1036;
const UUID_BYTES = 16;
const LABEL = 1052;
const LABEL_BYTES = 16;
const BAD_PAGES = 1536;
const MAGIC = 4086;
const SIGNATURE = "SWAPSPACE2";
/** Bad pages there is room for (Linux: MAX_SWAP_BADPAGES). */
const MAX_BAD_PAGES = Math.floor((MAGIC - BAD_PAGES) / 4);

/** What the header of an area says. */
export interface SwapHeader {
  /** Number of the area's last page; page 0 is the header. */
  readonly lastPage: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** At most 16 bytes of UTF-8. */
  readonly label: string;
  readonly badPages: readonly number[];
}

/** The header page of a new area. The caller has seen to it that it has at least two pages. */
export function writeSwapHeader(header: SwapHeader): Uint8Array {
  const page = new Uint8Array(PAGE_SIZE);
  const view = new DataView(page.buffer);
  view.setUint32(VERSION, 1, true);
  view.setUint32(LAST_PAGE, header.lastPage, true);
  view.setUint32(NR_BAD_PAGES, header.badPages.length, true);
  page.set(header.uuid.subarray(0, UUID_BYTES), UUID);
  page.set(utf8(header.label).subarray(0, LABEL_BYTES), LABEL);
  header.badPages.forEach((bad, index) => {
    view.setUint32(BAD_PAGES + index * 4, bad, true);
  });
  for (let i = 0; i < SIGNATURE.length; i++) page[MAGIC + i] = SIGNATURE.charCodeAt(i);
  return page;
}

/** What a header page says, or undefined when it is none that Linux takes: signature, version, length, bad page list. */
export function readSwapHeader(page: Uint8Array): SwapHeader | undefined {
  if (page.length < PAGE_SIZE) return undefined;
  for (let i = 0; i < SIGNATURE.length; i++)
    if (page[MAGIC + i] !== SIGNATURE.charCodeAt(i)) return undefined;
  const view = new DataView(page.buffer, page.byteOffset, PAGE_SIZE);
  // An area made on a machine of the other byte order is read in its order.
  const isLittle = view.getUint32(VERSION, false) !== 1;
  if (view.getUint32(VERSION, isLittle) !== 1) return undefined;
  const lastPage = view.getUint32(LAST_PAGE, isLittle);
  const nrBad = view.getUint32(NR_BAD_PAGES, isLittle);
  if (lastPage === 0 || nrBad > MAX_BAD_PAGES) return undefined;
  const badPages: number[] = [];
  for (let i = 0; i < nrBad; i++) badPages.push(view.getUint32(BAD_PAGES + i * 4, isLittle));
  return {
    lastPage,
    uuid: page.slice(UUID, UUID + UUID_BYTES),
    label: fromUtf8(page.subarray(LABEL, LABEL + LABEL_BYTES)),
    badPages,
  };
}

/** The UUID as people write it. */
export function uuidText(uuid: Uint8Array): string {
  const hex = Array.from(uuid, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Bytes of a text; percent-encoding is the one UTF-8 encoder that the language itself has. */
function utf8(text: string): Uint8Array {
  const encoded = encodeURIComponent(text);
  const bytes: number[] = [];
  for (let i = 0; i < encoded.length; i++) {
    if (encoded[i] !== "%") bytes.push(encoded.charCodeAt(i));
    else {
      bytes.push(Number.parseInt(encoded.slice(i + 1, i + 3), 16));
      i += 2;
    }
  }
  return Uint8Array.from(bytes);
}

/** The text up to the first zero byte. Bytes above 127 are shown one by one, as blkid shows them. */
function fromUtf8(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
}
