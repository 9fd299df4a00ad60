/*
 * A script as it was read: statements, expressions, and the errors that point into it. docs/script.md, sections 1, 2 and 12.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIELDS_MAX 64
#define STRINGS_MAX 64
#define SETTINGS_MAX 16

typedef enum { EXPR_NUMBER, EXPR_NAME, EXPR_STRING, EXPR_NEGATE, EXPR_ADD, EXPR_SUBTRACT, EXPR_MULTIPLY, EXPR_OR } ExprKind;

/* An expression, or the quoted path of a call. `left` is the operand of a negation. */
typedef struct Expr {
    ExprKind kind;
    int column;
    int64_t number;
    const char *name;
    const struct Expr *left;
    const struct Expr *right;
} Expr;

/* A name where the grammar has one; `text` is NULL when it was left out. */
typedef struct Word {
    const char *text;
    int column;
} Word;

typedef enum {
    ACTION_CALL,
    ACTION_ACCESS,
    ACTION_PATTERN,
    ACTION_SHOW,
    ACTION_FILE,
    ACTION_DROP,
    ACTION_WARM,
    ACTION_SYSCTL,
    ACTION_SWAP,
    ACTION_CGROUP,
    ACTION_WATCH,
    ACTION_ENTER,
    ACTION_ADJUST,
    ACTION_TOGETHER,
    ACTION_END
} ActionKind;

typedef enum { OP_LOAD, OP_STORE, OP_FETCH, OP_MIX } Op;

typedef enum { SHAPE_SCAN, SHAPE_STRIDE, SHAPE_LOOP, SHAPE_UNIFORM, SHAPE_ZIPF } Shape;

typedef enum {
    VIEW_MAPS,
    VIEW_SMAPS,
    VIEW_SMAPS_ROLLUP,
    VIEW_STATUS,
    VIEW_STATM,
    VIEW_FAULTS,
    VIEW_PAGEMAP,
    VIEW_CACHED,
    VIEW_VMSTAT,
    VIEW_MEMINFO,
    VIEW_CGROUP,
    VIEW_SWAPS,
    VIEW_PRESSURE,
    VIEW_TOTALS,
    VIEW_DMESG,
    VIEW_WATCHED,
    VIEW_ZRAM
} View;

/* FILE=VALUE of a cgroup. */
typedef struct Setting {
    const char *file; /* with dots */
    int64_t number;   /* -1: max */
} Setting;

/* One statement. Which members count depends on `kind`. */
typedef struct Statement {
    int line;
    const char *text; /* as the transcript repeats it */
    Word task;        /* text NULL: main */
    ActionKind kind;

    const CallWord *call;
    Word call_word;
    Word bind;

    /* Arguments of a call; or address, length and third value (value, step, count); or size, or address and length of a view. */
    const Expr *args[CALL_ARGS_MAX];
    int arg_count;

    bool is_fatal;
    Op op;
    Shape shape;
    uint32_t seed;
    uint32_t theta;
    uint32_t writes;

    View view;
    Word file;                 /* of file, drop, warm, cached */
    Word fields[FIELDS_MAX];   /* of vmstat, meminfo */
    int field_count;
    const char *sysctl;        /* with dots */
    int64_t number;            /* the sysctl's value; the oom_score_adj; of swap the priority, -1 for none */
    bool is_zram;              /* of swap: compressed in memory */
    int64_t mem_limit;         /* of swap on zram: bytes it may take, 0 for any */
    Word group;                /* with slashes: of cgroup, enter and views of cgroups */
    const char *group_file;    /* of show cgroup and watch */
    Word watch;                /* of watch and show watched */
    const char *watch_args;    /* with commas, "" for none */
    Setting settings[SETTINGS_MAX];
    int setting_count;
} Statement;

typedef struct Script {
    const char *file;
    Statement *statements;
    int count;
    /* Every distinct quoted string, in order of first appearance. */
    const char *strings[STRINGS_MAX];
    int string_count;
    /* Whether a statement makes a file: only then can an access start a read from disk. */
    bool has_files;
    /* Whether it is about memory pressure: it has a swap, a cgroup or a together. */
    bool is_pressure;
    int swap_count;
    /* Whether its cgroups are those of version 1. */
    bool has_old_groups;
} Script;

/* Reads and checks a script. Anything wrong with it is told on stderr and ends the program: EXIT_USAGE. */
Script *read_script(const char *file, const char *text);

/* Ends the program with `FILE:LINE:COLUMN: MESSAGE` because the script cannot be read. */
_Noreturn void script_error(const char *file, int line, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The meaning: names bound before they are used, tasks that are tasks, arguments of calls. Ends the program when wrong. */
void check_script(const Script *script);

#endif
