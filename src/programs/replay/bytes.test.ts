/** Numbers and strings come back as they were written. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createReader,
  createWriter,
  decodeUtf8,
  encodeUtf8,
  getBytes,
  getSigned,
  getText,
  getVarint,
  putBytes,
  putSigned,
  putText,
  putVarint,
  written,
} from "./bytes.ts";
import { crc32 } from "./crc32.ts";

test("unsigned numbers up to 2^53 - 1", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const w = createWriter();
      putVarint(w, value);
      expect(getVarint(createReader(written(w), "t"))).toBe(value);
    }),
  );
  const w = createWriter();
  for (const value of [0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) putVarint(w, value);
  const r = createReader(written(w), "t");
  expect(Array.from({ length: 7 }, () => getVarint(r))).toEqual([
    0, 127, 128, 2147483647, 2147483648, 4294967296, 9007199254740991,
  ]);
});

test("small numbers take one byte", () => {
  const w = createWriter();
  for (const value of [0, -1, 1, -64, 63]) putSigned(w, value);
  expect([...written(w)]).toEqual([0, 1, 2, 127, 126]);
});

test("signed numbers", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }), (value) => {
      const w = createWriter();
      putSigned(w, value);
      expect(getSigned(createReader(written(w), "t"))).toBe(value);
    }),
  );
});

test("a number that does not end, or that is too large, is refused with its place", () => {
  expect(() => getVarint(createReader(Uint8Array.of(0x80, 0x80), "t"))).toThrow(
    "t: byte 2: the data ends inside a record",
  );
  expect(() => getVarint(createReader(new Uint8Array(12).fill(0xff), "t"))).toThrow(
    "expected a number below 2^53",
  );
});

test("bytes that are not there are refused", () => {
  expect(() => getBytes(createReader(Uint8Array.of(5, 1, 2), "t"))).toThrow("expected 5 bytes, 2 are left");
  const w = createWriter();
  putBytes(w, Uint8Array.of(1, 2, 3));
  expect([...getBytes(createReader(written(w), "t"))]).toEqual([1, 2, 3]);
});

test("strings are UTF-8 as everybody writes it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
      expect(decodeUtf8(new TextEncoder().encode(text))).toBe(text);
      const w = createWriter();
      putText(w, text);
      expect(getText(createReader(written(w), "t"))).toBe(text);
    }),
  );
  expect(decodeUtf8(Uint8Array.of(0x61, 0xff, 0xc3, 0x62, 0xe2, 0x82))).toBe("a\ufffd\ufffdb\ufffd\ufffd");
});

test("checksums are those of zlib", () => {
  const check = new TextEncoder().encode("123456789");
  expect(crc32(check, 0, 9)).toBe(0xcbf43926);
  expect(crc32(check, 4, 9, crc32(check, 0, 4))).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0), 0, 0)).toBe(0);
});
