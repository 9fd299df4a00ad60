/**
 * How the modelled kernel was built: the options that programs and operators can tell.
 * Linux: arch/x86/Kconfig, mm/Kconfig (6.12)   Doc: docs/map.md
 */
import { badConfig } from "../base/bug.ts";

/** How the kernel was built, and whether the processor has what it can use: what programs see of it. */
export interface KernelConfig {
  /** Written pages are tracked for whoever clears the marks (CONFIG_MEM_SOFT_DIRTY): pagemap bit 55, "sd" in VmFlags. */
  readonly softDirty: boolean;
  /** The processor has protection keys (pku) and the kernel uses them: the ProtectionKey line of smaps. */
  readonly protectionKeys: boolean;
  /** Translations carry the address space they are of, so that a switch keeps what others cached (pcid); else it flushes all of them. */
  readonly pcid: boolean;
  /** The page of the first fast system calls, at the end of the address space: execute only, or none (vsyscall=). */
  readonly vsyscall: "none" | "xonly";
  /** Compressed swap in memory (CONFIG_ZSWAP), by its default compressor; "none": built without, as Debian's cloud kernel is. */
  readonly zswap: "none" | "lzo" | "lz4" | "zstd";
}

/** Debian's 6.12 on a processor with protection keys. */
const USUAL_CONFIG: KernelConfig = {
  softDirty: true,
  protectionKeys: true,
  pcid: true,
  vsyscall: "none",
  zswap: "none",
};

/** Where zswap's tunables are. */
const ZSWAP_PARAMETERS = "/sys/module/zswap/";

/** The options with Debian's for those left out. RangeError naming an option or a tunable that this kernel does not have. */
export function completeConfig(
  given: Partial<KernelConfig> | undefined,
  knobs: Readonly<Record<string, number>>,
): KernelConfig {
  const config = { ...USUAL_CONFIG, ...given };
  for (const field of Object.keys(config))
    if (!(field in USUAL_CONFIG)) badConfig(`config.${field}`, "no such field");
  for (const field of ["softDirty", "protectionKeys", "pcid"] as const)
    if (typeof config[field] !== "boolean")
      badConfig(`config.${field}`, `${config[field]} is neither true nor false`);
  if (config.vsyscall !== "none" && config.vsyscall !== "xonly")
    badConfig("config.vsyscall", `${config.vsyscall} is neither none nor xonly`);
  if (!["none", "lzo", "lz4", "zstd"].includes(config.zswap))
    badConfig("config.zswap", `${config.zswap} is none of none, lzo, lz4, zstd`);
  const parameter = Object.keys(knobs).find((path) => path.startsWith(ZSWAP_PARAMETERS));
  if (parameter !== undefined && config.zswap === "none")
    badConfig(parameter, "this kernel is built without zswap (config.zswap)");
  return config;
}
