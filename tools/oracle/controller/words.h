/*
 * The vocabulary of the script language: calls, constants, keywords, errno and signal names. docs/script.md, sections 1 to 4.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stdint.h>

#define CALL_ARGS_MAX 6

/* How a call's result is written and what a name bound to it stands for. */
typedef enum { RESULT_NUMBER, RESULT_REGION, RESULT_BREAK, RESULT_TASK, RESULT_PID, RESULT_WAIT, RESULT_EXIT } ResultKind;

/* One call. The first `required` of `most` arguments must be given; argument 0 is a path when `takes_path`. */
typedef struct CallWord {
    const char *name;
    int number;
    int required;
    int most;
    ResultKind result;
    bool takes_path;
} CallWord;

/* The call of that name, or NULL. */
const CallWord *find_call(const char *name);

/* Whether there is a constant of that name; its value. */
bool find_constant(const char *name, int64_t *value);

/* Whether a file of a cgroup is one that only version 1 has. */
bool is_old_group_file(const char *name);

/* Whether a script may bind the name. */
bool may_bind(const char *name);

/* `EINVAL` for 22; a number without a name is written `E22`. The text is valid until the next call. */
const char *errno_name(int number);

/* `SIGSEGV` for 11; `signal 40` without a name. The text is valid until the next call. */
const char *signal_name(int number);

#endif
