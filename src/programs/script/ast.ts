/**
 * What a script is after reading: statements, expressions, and where each came from.
 * Doc: docs/script.md, section 2
 */

/** Something wrong with a script. Line and column count from 1. */
export interface ScriptError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** A number to be computed when the statement runs. `column` is where it begins. */
export type Expr =
  | { readonly kind: "number"; readonly value: number; readonly column: number }
  | { readonly kind: "name"; readonly name: string; readonly column: number }
  | { readonly kind: "negate"; readonly operand: Expr; readonly column: number }
  | {
      readonly kind: "binary";
      readonly operator: "+" | "-" | "*" | "|";
      readonly left: Expr;
      readonly right: Expr;
      readonly column: number;
    };

/** An argument of a call. */
export type Arg = Expr | { readonly kind: "string"; readonly text: string; readonly column: number };

/** A name and where it stands. */
export interface Word {
  readonly text: string;
  readonly column: number;
}

/** What a pattern does at each address. */
export type AccessOp = "load" | "store" | "fetch" | "mix";
/** The order of a pattern's addresses. */
export type PatternShape = "scan" | "stride" | "loop" | "uniform" | "zipf";
/** The views of `show` that have no argument of their own. */
export type PlainView =
  | "maps"
  | "smaps_rollup"
  | "status"
  | "statm"
  | "faults"
  | "swaps"
  | "totals"
  | "dmesg"
  | "zram";

/** `x = name(args)`. */
export interface CallAction {
  readonly kind: "call";
  readonly bind?: Word;
  readonly name: string;
  readonly column: number;
  readonly args: readonly Arg[];
}

/** `load`, `store`, `fetch`. */
export interface AccessAction {
  readonly kind: "access";
  readonly isFatal: boolean;
  readonly op: "load" | "store" | "fetch";
  readonly address: Expr;
  readonly length: Expr;
  readonly value?: Expr;
}

/** `scan`, `stride`, `loop`, `uniform`, `zipf`. */
export interface PatternAction {
  readonly kind: "pattern";
  readonly isFatal: boolean;
  readonly shape: PatternShape;
  readonly op: AccessOp;
  readonly address: Expr;
  readonly length: Expr;
  /** The step of a stride; the number of accesses of loop, uniform and zipf. */
  readonly third?: Expr;
  readonly options: PatternOptions;
}

/** The options of a pattern, defaults filled in. */
export interface PatternOptions {
  readonly seed: number;
  /** Zipf's exponent in thousandths. */
  readonly theta: number;
  /** Percent of stores in a mix. */
  readonly writes: number;
}

/** `show …`. */
export type ShowAction =
  | { readonly kind: "show"; readonly view: PlainView }
  | { readonly kind: "show"; readonly view: "smaps"; readonly address?: Expr; readonly length?: Expr }
  | { readonly kind: "show"; readonly view: "pagemap"; readonly address: Expr; readonly length: Expr }
  | { readonly kind: "show"; readonly view: "cached"; readonly file: Word }
  | {
      readonly kind: "show";
      readonly view: "cgroup";
      readonly group: Word;
      readonly file: string;
      readonly fields: readonly Word[];
    }
  | { readonly kind: "show"; readonly view: "pressure"; readonly group?: Word }
  | { readonly kind: "show"; readonly view: "watched"; readonly watch: Word }
  | { readonly kind: "show"; readonly view: "vmstat" | "meminfo"; readonly fields: readonly Word[] };

/** One `FILE=VALUE` of `cgroup`. */
export interface CgroupSetting {
  readonly file: string;
  readonly value: number | "max";
}

/** `swap`; `prio` is -1 when the script names none, `limitBytes` 0. */
export interface SwapDirective {
  readonly kind: "swap";
  readonly size: Expr;
  readonly prio: number;
  /** The area is a zram device, which may take so many bytes of memory (0: any). */
  readonly isZram: boolean;
  readonly limitBytes: number;
}

/** `file`, `drop`, `warm`, `sysctl`, `swap`, `cgroup`, `watch`: what the runner does, not a task. */
export type Directive =
  | SwapDirective
  | { readonly kind: "cgroup"; readonly group: Word; readonly settings: readonly CgroupSetting[] }
  /** `args` are the words with commas between them. */
  | {
      readonly kind: "watch";
      readonly watch: Word;
      readonly group: Word;
      readonly file: string;
      readonly args: string;
    }
  | { readonly kind: "file"; readonly file: Word; readonly size: Expr }
  | { readonly kind: "drop" | "warm"; readonly file: Word }
  | { readonly kind: "sysctl"; readonly path: string; readonly value: number };

/** `enter g`. */
export interface EnterAction {
  readonly kind: "enter";
  readonly group: Word;
}

/** `oom_score_adj N`. */
export interface AdjustAction {
  readonly kind: "adjust";
  readonly value: number;
}

/** `together` … `end`: lines that run at the same time, each task's in order. */
export interface TogetherAction {
  readonly kind: "together";
  readonly lines: readonly Statement[];
}

/** Anything a statement may do. */
export type Action =
  | CallAction
  | AccessAction
  | PatternAction
  | ShowAction
  | EnterAction
  | AdjustAction
  | TogetherAction
  | Directive;

/** One line of a script that does something. */
export interface Statement {
  readonly line: number;
  /** The source line without its comment and outer blanks: what the transcript echoes. */
  readonly text: string;
  /** The task it runs in; undefined: main. */
  readonly task?: Word;
  readonly action: Action;
}

/** A whole script. */
export interface Script {
  readonly file: string;
  readonly statements: readonly Statement[];
}

/** `FILE:LINE:COLUMN: MESSAGE`, as tools and editors understand it. */
export function formatScriptError(error: ScriptError): string {
  return `${error.file}:${error.line}:${error.column}: ${error.message}`;
}
