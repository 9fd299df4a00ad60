/**
 * What the planners of recorded calls share.
 * Doc: docs/pwt.md
 */
import type { Kernel } from "../../core/index.ts";
import { movedPieces } from "./address-map.ts";
import type { CallEvent } from "./events.ts";
import type { UserTouch } from "./kernel-touches.ts";
import type { Action, Replay, ReplayProcess } from "./process.ts";

/** What every call is planned from. */
export interface Planning {
  readonly replay: Replay;
  readonly k: Kernel;
  readonly process: ReplayProcess;
  readonly call: CallEvent;
}

export const PAGE = 4096;

/** Touched memory as actions, where its pages are now. */
export function touches(p: Planning, found: readonly UserTouch[]): Action[] {
  return found.flatMap(({ address, bytes, isStore }) =>
    movedPieces(p.process.space.map, address, bytes).map((piece) => ({
      kind: "touch" as const,
      page: Math.floor(piece.to / PAGE),
      end: Math.floor((piece.to + piece.bytes - 1) / PAGE) + 1,
      isStore,
    })),
  );
}

/** A recorded descriptor as the process passed it: an int in a register. */
export function fdArg(call: CallEvent, index: number): number {
  return (call.args[index] ?? -1) | 0;
}
