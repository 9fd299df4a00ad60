import { expect, test } from "vitest";
import { readSwapHeader, uuidText, writeSwapHeader } from "./swap-header.ts";

const UUID = Uint8Array.of(
  1,
  0x23,
  0x45,
  0x67,
  0x89,
  0xab,
  0xcd,
  0xef,
  1,
  0x23,
  0x45,
  0x67,
  0x89,
  0xab,
  0xcd,
  0xef,
);

/**
 * What `mkswap -L "pw area" -U 01234567-89ab-cdef-0123-456789abcdef` of util-linux 2.38 wrote into a file of 1 MiB: all
 * that is not zero.
 */
function fromMkswap(): Uint8Array {
  const page = new Uint8Array(4096);
  page.set([0x01, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0], 0x400);
  page.set(UUID, 0x40c);
  page.set([0x70, 0x77, 0x20, 0x61, 0x72, 0x65, 0x61], 0x41c);
  page.set([0x53, 0x57, 0x41, 0x50, 0x53, 0x50, 0x41, 0x43, 0x45, 0x32], 0xff6);
  return page;
}

test("a header is the one mkswap writes", () => {
  expect(writeSwapHeader({ lastPage: 255, uuid: UUID, label: "pw area", badPages: [] })).toEqual(
    fromMkswap(),
  );
});

test("mkswap's header is read", () => {
  const header = readSwapHeader(fromMkswap());
  expect(header).toMatchObject({ lastPage: 255, label: "pw area", badPages: [] });
  expect(uuidText(header?.uuid ?? new Uint8Array(0))).toBe("01234567-89ab-cdef-0123-456789abcdef");
});

test("the other byte order is read, too", () => {
  const page = fromMkswap();
  page.set([0, 0, 0, 1, 0, 0, 0, 0xff], 0x400);
  expect(readSwapHeader(page)?.lastPage).toBe(255);
});

test("no signature, another version, no pages, or more bad pages than there is room for: no swap area", () => {
  const spoilt = (at: number, bytes: number[]): Uint8Array => {
    const page = fromMkswap();
    page.set(bytes, at);
    return page;
  };
  expect(readSwapHeader(spoilt(0xff6, [0x58]))).toBeUndefined();
  expect(readSwapHeader(spoilt(0x400, [2]))).toBeUndefined();
  expect(readSwapHeader(spoilt(0x404, [0]))).toBeUndefined();
  expect(readSwapHeader(spoilt(0x408, [0x7e, 2]))).toBeUndefined();
});
