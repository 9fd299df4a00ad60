/**
 * What a user did wrong, or asked for and cannot have: one clear line on stderr and an exit code, never a stack trace.
 */

/** Exit codes of the command. */
export const EXIT_OK = 0;
/** The workload failed, or a comparison found a difference. */
export const EXIT_FAILED = 1;
/** The command line, a file given to it, or the machine asked for is wrong. */
export const EXIT_USAGE = 2;

/** An error whose message is meant for the user as it stands. */
export interface UserError extends Error {
  readonly exitCode: number;
}

/** An error to throw: `message` says what was wrong, where, and what to do. */
export function userError(message: string, exitCode: number = EXIT_USAGE): UserError {
  return Object.assign(new Error(message), { exitCode });
}

/** Whether an error is meant for the user. */
export function isUserError(error: unknown): error is UserError {
  return error instanceof Error && "exitCode" in error && typeof error.exitCode === "number";
}

/** What went wrong with a file, in words: the path, and the reason without a code or a stack. */
export function fileProblem(path: string, error: unknown): UserError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const REASONS: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "permission denied",
    EISDIR: "it is a directory",
    ENOTDIR: "a part of the path is no directory",
    ENOSPC: "no space left on the device",
    EROFS: "the file system is read-only",
  };
  return userError(`${path}: ${REASONS[code] ?? (error instanceof Error ? error.message : String(error))}`);
}
