/*
 * The tasks a script runs in, driven with ptrace: a task stands at a breakpoint of the stub, gets its registers set, runs to the next
 * breakpoint or signal, and stands again. At most one task runs at any time.
 */
#ifndef TRACEE_H
#define TRACEE_H

#include "world.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define TASKS_MAX 256

/* Minor and major faults. */
typedef struct Faults {
    int64_t minor;
    int64_t major;
} Faults;

typedef struct Task {
    const char *name;
    pid_t id;        /* the thread's */
    bool has_ended;
    bool is_reaped;  /* its end was told to us, and `status` is how */
    int status;
    Faults shown;    /* at its last `show faults`, or at its start */
    Faults started;  /* at its start */
    Faults known;    /* when they were last read; of one that was killed, at its end */
} Task;

/* All tasks of a script, the first one first. */
typedef struct Tasks {
    const World *world;
    Task list[TASKS_MAX];
    int count;
    bool may_sleep; /* the call under way may never return */
    pid_t newborn;  /* made by the call under way, not yet in the list; 0 for none */
} Tasks;

typedef enum {
    STOP_BREAKPOINT, /* the routine is done */
    STOP_SIGNAL,     /* a signal is about to be delivered; `info` tells which */
    STOP_ENDED,      /* the task is gone */
    STOP_WAITING     /* it sleeps in a call, and nobody will ever wake it */
} StopKind;

typedef struct Stop {
    StopKind kind;
    siginfo_t info;
    struct user_regs_struct registers;
} Stop;

/* Where the kernel put things when the stub started. */
typedef struct Layout {
    uint64_t heap;
    uint64_t top;
    uint64_t stack;
    uint64_t strings; /* the first of argv's strings after "stub" */
} Layout;

/* Starts the stub with these strings behind argv[0] and lets it run to its first breakpoint. */
Task *start_main(Tasks *tasks, const char *const *strings, int count, Layout *layout);

/* Registers of a standing task, to be changed and handed to run_task. */
void read_registers(const Task *task, struct user_regs_struct *registers);

/* Lets a standing task run with these registers until it stops. */
Stop run_task(Tasks *tasks, Task *task, const struct user_regs_struct *registers);

/* Lets a standing task run, and does not wait. One that was killed meanwhile is not run. */
void start_task(const Task *task, const struct user_regs_struct *registers);

/* Waits until any started task stops or any task ends. Returns it. */
Task *wait_for_any(Tasks *tasks, Stop *stop);

/* Takes note of tasks that were killed while they stood. */
void reap_killed(Tasks *tasks);

/* Registers for a system call. */
void set_call(const Task *task, int number, const uint64_t *arguments, struct user_regs_struct *registers);

/* Makes a system call in a task. The result is in registers.rax when the stop is a breakpoint. */
Stop call_in_task(Tasks *tasks, Task *task, int number, const uint64_t *arguments);

/* Takes up the task that the last call made: names it and lets it execute its first instruction. */
Task *adopt_newborn(Tasks *tasks, const char *name);

/* Delivers the signal a task stands before; it dies of it. */
void kill_task(Tasks *tasks, Task *task, int number);

/* Kills everybody. */
void end_tasks(Tasks *tasks);

/* The task of that name, or NULL; the task of that pid, or NULL. */
Task *task_named(Tasks *tasks, const char *name);
Task *task_with_id(Tasks *tasks, pid_t id);

/* A thread's fault counts since it was made. */
Faults read_faults(const Tasks *tasks, const Task *task);

/* The contents of /proc/PID/NAME of a task, taken from memory. Ends the program when there is none. */
char *read_task_file(const Tasks *tasks, const Task *task, const char *name, size_t *length);

#endif
