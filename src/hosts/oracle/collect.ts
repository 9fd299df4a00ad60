/**
 * Starts the program that runs scripts (the controller, or the emulator with the controller in it) and collects the transcripts it prints,
 * under the scripts' own names: to the program they are numbers, because a name may be a path.
 */
import { spawn } from "node:child_process";
import { createFrameReader, readFrames } from "./frames.ts";
import type { KernelScript, KernelTranscript, OnTranscript } from "./kernel-run.ts";

/** A program to start, and how long it may be silent before its first output and between two. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly startMs: number;
  readonly scriptMs: number;
}

/** What a program printed. */
export interface Collected {
  readonly release: string;
  readonly transcripts: readonly KernelTranscript[];
  /** What it wrote to its own error stream. */
  readonly complaint: string;
  /** What it was doing when it ended too early; "" when it ended as it should. */
  readonly stoppedWhile: string;
}

/** The name a script has inside a run. */
export function numberedName(index: number): string {
  return String(index).padStart(6, "0");
}

/** Runs the program to its end. A program that is silent for too long is killed. */
export async function collectTranscripts(
  command: Command,
  scripts: readonly KernelScript[],
  onTranscript: OnTranscript = () => {},
): Promise<Collected> {
  const reader = createFrameReader();
  const names = new Map(scripts.map((script, index) => [numberedName(index), script.name]));
  const transcripts: KernelTranscript[] = [];
  let complaint = "";
  const child = spawn(command.program, command.args, { stdio: ["ignore", "pipe", "pipe"] });
  const timer = { id: setTimeout(() => child.kill("SIGKILL"), command.startMs) };
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    complaint += piece;
  });
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    clearTimeout(timer.id);
    timer.id = setTimeout(() => child.kill("SIGKILL"), command.scriptMs);
    readFrames(reader, piece, (transcript) => {
      const named = withName(transcript, names.get(transcript.name)!);
      transcripts.push(named);
      onTranscript(named);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  }).finally(() => clearTimeout(timer.id));
  const unfinished = names.get(reader.unfinished);
  const where = unfinished === undefined ? "before its first script" : `while it ran ${unfinished}`;
  const stoppedWhile = transcripts.length < scripts.length ? where : "";
  return { release: reader.release, transcripts, complaint, stoppedWhile };
}

/** Error lines begin with the script's number; they get its name. */
function withName(transcript: KernelTranscript, name: string): KernelTranscript {
  const start = `${transcript.name}:`;
  const errors = transcript.errors.map((line) =>
    line.startsWith(start) ? `${name}:${line.slice(start.length)}` : line,
  );
  return { ...transcript, name, errors };
}
