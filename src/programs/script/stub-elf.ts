/**
 * The stub: the program whose tasks a script drives, byte for byte as tools/oracle builds it. Pagewalk reads its headers;
 * its instructions matter to real kernels only.
 * Doc: docs/script.md, section 11
 */
const HEX: readonly string[] = [
  "7f454c4602010100000000000000000002003e0001000000c00040000000000040000000000000000000000000000000",
  "000000004000380002000000000000000100000005000000000000000000000000004000000000000000400000000000",
  "b401000000000000b401000000000000001000000000000051e574640600000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000001000000000000000cccccccccccccccccccccccccccccccc",
  "cccccccccccccccccccccccccccccccc0f05cccccccccccccccccccccccccccc0fb61731d069c09301000148c1e23848",
  "c1eb084809d348ffc74839f775e2cccccccccccccccccccccccccccccccccccc8807c1c80848ffc74839f775f3cccccc",
  "41b904000000660f7ec2660f73d8040fbaf21f488d1497721f8b1241ba04000000440fb6da4431d869c093010001c1ea",
  "0841ffca75ebeb0344890241ffc0ffc9744e41ffc975bf660f6fc1660f6fca660f6fd3660f6fdc660f6fe5660f6fee66",
  "0f6ff766410f6ff866450f6fc166450f6fca66450f6fd366450f6fdc66450f6fe566450f6fee66450f6ff7e970ffffff",
  "cccccccc",
];

/** The bytes of the ELF file. */
export function stubElf(): Uint8Array {
  const digits = HEX.join("");
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}
