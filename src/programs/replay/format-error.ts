/**
 * The one error that a reader of somebody's file raises: which file, where in it, and what was expected there.
 * Doc: docs/pwt.md
 */

/** Name of the errors made here; hosts print their message as one line and end with exit code 2. */
export const FORMAT_ERROR = "FormatError";

/** An error to be thrown. `where` is "line 12" or "byte 4096". */
export function formatError(file: string, where: string, why: string): Error {
  const error = new Error(`${file}: ${where}: ${why}`);
  error.name = FORMAT_ERROR;
  return error;
}
