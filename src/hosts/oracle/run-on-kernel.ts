/**
 * Runs scripts on a real kernel: the one door to them, for `pagewalk verify`, for tests and for the recorder of golden cases.
 * Doc: docs/script.md
 */
import { findGuest, runInGuest } from "./guest.ts";
import { findHost, runOnHost } from "./host.ts";
import type { KernelChoice, KernelRun, KernelScript, OnTranscript } from "./kernel-run.ts";

/** Why a kernel can not be asked on this machine; undefined when it can. Builds the controller, if that was not done yet. */
export function whyNotKernel(kernel: KernelChoice): string | undefined {
  return kernel === "host" ? findHost().missing : findGuest().missing;
}

/**
 * Runs the scripts, each in an address space of its own, and returns their transcripts in the order of the scripts. `onTranscript` is called
 * as each is complete. Throws an Error whose message is one line when the kernel can not be asked or died.
 */
export async function runOnKernel(
  scripts: readonly KernelScript[],
  options: { readonly kernel: KernelChoice; readonly onTranscript?: OnTranscript },
): Promise<KernelRun> {
  if (options.kernel === "host") {
    const host = findHost();
    if (host.missing !== undefined) throw new Error(host.missing);
    return runOnHost(host.value, scripts, options.onTranscript);
  }
  const guest = findGuest();
  if (guest.missing !== undefined) throw new Error(guest.missing);
  return runInGuest(guest.value, scripts, options.onTranscript);
}
