/*
 * Driving tasks; see tracee.h.
 *
 * A task that stops for a signal we do not let through is continued without it, and nothing of the signal is left: that is why a script
 * can go on after a SIGSEGV. SIGCHLD of a traced child's end is let go the same way.
 */
#include "tracee.h"

#include "../stub/layout.h"
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STACK_LIMIT_BYTES (8u << 20)
#define MAPPED_HIGH UINT64_C(0x700000000000)

/* Where nothing is mapped yet. */
#define ASIDE UINT64_C(0x10000000)

/* A task seen asleep this many times, this far apart, sleeps for good: everybody who could wake it stands still. */
#define SLEEPS_SEEN 40
#define SLEEP_LOOK_NS 5000000

/* Calls the controller knows by itself. After exit and wait4 a task may not stop again. */
enum { CALL_MUNMAP = 11, CALL_MREMAP = 25, CALL_EXIT = 60, CALL_WAIT4 = 61 };

/* A line of /proc/PID/maps. */
typedef struct Mapping {
    uint64_t start;
    uint64_t end;
} Mapping;

/* Fields of /proc/PID/stat, counted from 1 as proc(5) does. */
enum { STAT_STATE = 3, STAT_MINFLT = 10, STAT_MAJFLT = 12, STAT_START_BRK = 47, STAT_ARG_START = 48 };

/* Ends the program when a call that can not fail did. */
static void must(long result, const char *what)
{
    if (result < 0)
        refuse("%s: %s", what, strerror(errno));
}

char *read_task_file(const Tasks *tasks, const Task *task, const char *name, size_t *length)
{
    char path[64];
    snprintf(path, sizeof path, "%d/%s", task->id, name);
    int descriptor = openat(tasks->world->proc, path, O_RDONLY | O_CLOEXEC);
    char *text = descriptor < 0 ? NULL : take_contents(descriptor, length);
    if (text == NULL)
        refuse("/proc/%s: %s", path, strerror(errno));
    close(descriptor);
    return text;
}

/* The field of a stat file's text, where it begins. Its second field may hold blanks and brackets, and ends at the last bracket. */
static const char *stat_field(const char *text, int field)
{
    const char *at = strrchr(text, ')');
    for (int i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return at ? at + 1 : "0";
}

/* Calls for the thread's own stat file: the process's adds up all its threads. */
static const char *read_stat(const Tasks *tasks, const Task *task)
{
    char name[32];
    snprintf(name, sizeof name, "task/%d/stat", task->id);
    return read_task_file(tasks, task, name, NULL);
}

Faults read_faults(const Tasks *tasks, const Task *task)
{
    size_t mark = take_mark();
    const char *text = read_stat(tasks, task);
    Faults faults = {strtoll(stat_field(text, STAT_MINFLT), NULL, 10), strtoll(stat_field(text, STAT_MAJFLT), NULL, 10)};
    give_back(mark);
    return faults;
}

/* Ends the program when a request to a task failed for another reason than the task's death, which is told at its next wait. */
static bool reached(long result, const char *what)
{
    if (result < 0 && errno != ESRCH)
        refuse("%s: %s", what, strerror(errno));
    return result >= 0;
}

/* The letter of a task's state: R runs, S sleeps, D waits for a disk, Z has ended. */
static char task_state(const Tasks *tasks, const Task *task)
{
    size_t mark = take_mark();
    char state = *stat_field(read_stat(tasks, task), STAT_STATE);
    give_back(mark);
    return state;
}

/* What becomes the stub: a child with the surroundings that docs/script.md, section 11, prescribes. Does not return. */
_Noreturn static void become_stub(const World *world, char **argv)
{
    char *no_environment[] = {NULL};
    /* A limit of one byte, not none: a core handler behind a pipe runs for none, and not for one. */
    struct rlimit core = {1, 1};
    struct rlimit stack = {STACK_LIMIT_BYTES, RLIM_INFINITY};
    sigset_t no_signals;
    sigemptyset(&no_signals);
    sigprocmask(SIG_SETMASK, &no_signals, NULL);
    setrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_STACK, &stack);
    stack.rlim_cur = STACK_LIMIT_BYTES;
    setrlimit(RLIMIT_STACK, &stack);
    if (world->hides_huge_pages)
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    for (int descriptor = 0; descriptor < 3; descriptor++)
        dup2(world->null, descriptor);
    if (fchdir(world->directory) == 0 && personality(ADDR_NO_RANDOMIZE) >= 0 && ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
        execve(take_format("%s/stub", world->path), argv, no_environment);
    _exit(127);
}

/* A new row in the list. */
static Task *add_task(Tasks *tasks, const char *name, pid_t id)
{
    if (tasks->count == TASKS_MAX)
        refuse("more than %d tasks", TASKS_MAX);
    Task *task = &tasks->list[tasks->count++];
    *task = (Task){.name = name, .id = id};
    return task;
}

/* Finds the mapping of that name, or with name NULL the lowest one from `least` on. Returns whether there is one. */
static bool find_mapping(const Tasks *tasks, const Task *task, const char *name, uint64_t least, Mapping *mapping)
{
    size_t mark = take_mark();
    char *line = read_task_file(tasks, task, "maps", NULL);
    bool is_found = false;
    while (*line && !is_found) {
        char *next;
        size_t length = strcspn(line, "\n");
        mapping->start = strtoull(line, &next, 16);
        mapping->end = strtoull(next + 1, NULL, 16);
        is_found = mapping->start >= least && (name == NULL || memmem(line, length, name, strlen(name)));
        line += length + (line[length] == '\n');
    }
    give_back(mark);
    return is_found;
}

/*
 * Linux 6.13 and later map the pages of virtual clocks apart, [vvar_vclock], which lays everything below two pages lower than 6.12 does,
 * and the alignment of every later mapping with it. The stub reads no clock: away with them, and [vvar] up into their place.
 */
static void lay_out_as_6_12(Tasks *tasks, Task *task)
{
    Mapping data;
    Mapping clocks;
    if (!find_mapping(tasks, task, "[vvar_vclock]", 0, &clocks) || !find_mapping(tasks, task, "[vvar]", 0, &data)
        || data.end != clocks.start)
        return;
    uint64_t length = data.end - data.start;
    uint64_t unmap[6] = {clocks.start, clocks.end - clocks.start};
    /* In two steps: old and new place overlap, which mremap refuses. */
    uint64_t away[6] = {data.start, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, ASIDE};
    uint64_t back[6] = {ASIDE, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, clocks.end - length};
    if (call_in_task(tasks, task, CALL_MUNMAP, unmap).registers.rax != 0
        || call_in_task(tasks, task, CALL_MREMAP, away).registers.rax != away[4]
        || call_in_task(tasks, task, CALL_MREMAP, back).registers.rax != back[4])
        refuse("moving [vvar] did not work");
}

/* Finds out where exec put things. */
static void read_layout(const Tasks *tasks, const Task *task, Layout *layout)
{
    Mapping mapping;
    const char *stat = read_stat(tasks, task);
    layout->heap = strtoull(stat_field(stat, STAT_START_BRK), NULL, 10);
    layout->strings = strtoull(stat_field(stat, STAT_ARG_START), NULL, 10) + sizeof "stub";
    if (find_mapping(tasks, task, NULL, MAPPED_HIGH, &mapping))
        layout->top = mapping.start;
    if (find_mapping(tasks, task, "[stack]", 0, &mapping))
        layout->stack = mapping.end;
}

Task *start_main(Tasks *tasks, const char *const *strings, int count, Layout *layout)
{
    char **argv = take(sizeof *argv * (size_t)(count + 2));
    argv[0] = take_text("stub", 4);
    for (int i = 0; i < count; i++)
        argv[i + 1] = take_text(strings[i], strlen(strings[i]));
    pid_t id = fork();
    must(id, "fork");
    if (id == 0) {
        write_text(tasks->world->proc, "self/oom_score_adj", "0");
        become_stub(tasks->world, argv);
    }
    int status;
    must(waitpid(id, &status, __WALL), "waitpid");
    if (!WIFSTOPPED(status))
        refuse("the stub did not start");
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
    must(ptrace(PTRACE_SETOPTIONS, id, NULL, options), "ptrace options");
    Task *task = add_task(tasks, "main", id);
    struct user_regs_struct registers;
    read_registers(task, &registers);
    if (run_task(tasks, task, &registers).kind != STOP_BREAKPOINT)
        refuse("the stub did not reach its first breakpoint");
    lay_out_as_6_12(tasks, task);
    *layout = (Layout){0};
    read_layout(tasks, task, layout);
    task->shown = read_faults(tasks, task);
    task->started = task->known = task->shown;
    return task;
}

void read_registers(const Task *task, struct user_regs_struct *registers)
{
    memset(registers, 0, sizeof *registers);
    reached(ptrace(PTRACE_GETREGS, task->id, NULL, registers), "reading registers");
}

/* Keeps how a task ended, for the wait4 that asks. */
static void note_end(Task *task, int status)
{
    task->has_ended = true;
    task->is_reaped = true;
    task->status = status;
}

/* Takes note of ends that were not told at once: a first thread's is told only after its other threads'. */
static void reap_ended(Tasks *tasks)
{
    for (int i = 0; i < tasks->count; i++) {
        Task *task = &tasks->list[i];
        int status;
        if (task->has_ended && !task->is_reaped && waitpid(task->id, &status, __WALL | WNOHANG) == task->id)
            note_end(task, status);
    }
}

/*
 * Waits for a running task's next stop or end. Where the call may sleep for good, or end a first thread whose other threads live, returns
 * false when it does.
 */
static bool wait_for_stop(const Tasks *tasks, Task *task, int *status, struct rusage *usage)
{
    int options = tasks->may_sleep ? __WALL | WNOHANG : __WALL;
    for (int seen = 0; seen < SLEEPS_SEEN;) {
        pid_t id = wait4(task->id, status, options, usage);
        if (id < 0 && errno == EINTR)
            continue;
        must(id, "waitpid");
        if (id == task->id)
            return true;
        char state = task_state(tasks, task);
        seen = state == 'S' || state == 'Z' ? seen + 1 : 0;
        nanosleep(&(struct timespec){0, seen > 1 ? SLEEP_LOOK_NS : 0}, NULL);
    }
    return false;
}

/* Keeps the end of a task and what its faults were; a killed one has no other moment to tell. */
static void note_killed(Task *task, int status, const struct rusage *usage)
{
    if (WIFSIGNALED(status))
        task->known = (Faults){usage->ru_minflt, usage->ru_majflt};
    note_end(task, status);
}

/* Whether a stop is none of the script's business: a child was made, or has ended. */
static bool is_passing(Tasks *tasks, const Task *task, int status)
{
    int event = status >> 16;
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
        unsigned long id;
        must(ptrace(PTRACE_GETEVENTMSG, task->id, NULL, &id), "ptrace event");
        tasks->newborn = (pid_t)id;
        return true;
    }
    return WSTOPSIG(status) == SIGCHLD;
}

/* Reads why a task stands. Returns false when it was killed since. */
static bool read_stop(const Task *task, Stop *stop)
{
    if (!reached(ptrace(PTRACE_GETSIGINFO, task->id, NULL, &stop->info), "reading a signal"))
        return false;
    read_registers(task, &stop->registers);
    stop->kind = stop->info.si_signo == SIGTRAP ? STOP_BREAKPOINT : STOP_SIGNAL;
    return true;
}

/* Continues a task and waits until it stops for a reason that matters. */
static Stop resume(Tasks *tasks, Task *task, int number)
{
    Stop stop = {.kind = STOP_ENDED};
    int status;
    struct rusage usage;
    reached(ptrace(PTRACE_CONT, task->id, NULL, (long)number), "continuing a task");
    for (;;) {
        if (!wait_for_stop(tasks, task, &status, &usage)) {
            task->has_ended = task_state(tasks, task) == 'Z';
            stop.kind = task->has_ended ? STOP_ENDED : STOP_WAITING;
            return stop;
        }
        if (!WIFSTOPPED(status)) {
            note_killed(task, status, &usage);
            reap_ended(tasks);
            return stop;
        }
        if (is_passing(tasks, task, status))
            reached(ptrace(PTRACE_CONT, task->id, NULL, 0L), "continuing a task");
        else if (read_stop(task, &stop))
            return stop;
    }
}

void start_task(const Task *task, const struct user_regs_struct *registers)
{
    if (reached(ptrace(PTRACE_SETREGS, task->id, NULL, registers), "setting registers"))
        reached(ptrace(PTRACE_CONT, task->id, NULL, 0L), "continuing a task");
}

Task *wait_for_any(Tasks *tasks, Stop *stop)
{
    for (;;) {
        int status;
        struct rusage usage;
        pid_t id = wait4(-1, &status, __WALL, &usage);
        Task *task = id < 0 ? NULL : task_with_id(tasks, id);
        if (id < 0 && errno != EINTR)
            refuse("waiting for tasks: %s", strerror(errno));
        if (task == NULL)
            continue;
        *stop = (Stop){.kind = STOP_ENDED};
        if (!WIFSTOPPED(status)) {
            note_killed(task, status, &usage);
            return task;
        }
        if (is_passing(tasks, task, status))
            reached(ptrace(PTRACE_CONT, task->id, NULL, 0L), "continuing a task");
        else if (read_stop(task, stop))
            return task;
    }
}

void reap_killed(Tasks *tasks)
{
    for (int i = 0; i < tasks->count; i++) {
        int status;
        struct rusage usage;
        Task *task = &tasks->list[i];
        if (!task->is_reaped && wait4(task->id, &status, __WALL | WNOHANG, &usage) == task->id && !WIFSTOPPED(status))
            note_killed(task, status, &usage);
    }
}

Stop run_task(Tasks *tasks, Task *task, const struct user_regs_struct *registers)
{
    reached(ptrace(PTRACE_SETREGS, task->id, NULL, registers), "setting registers");
    return resume(tasks, task, 0);
}

void set_call(const Task *task, int number, const uint64_t *arguments, struct user_regs_struct *registers)
{
    read_registers(task, registers);
    registers->rip = STUB_CALL;
    /* No call is being restarted. */
    registers->orig_rax = UINT64_MAX;
    registers->rax = (unsigned)number;
    registers->rdi = arguments[0];
    registers->rsi = arguments[1];
    registers->rdx = arguments[2];
    registers->r10 = arguments[3];
    registers->r8 = arguments[4];
    registers->r9 = arguments[5];
}

Stop call_in_task(Tasks *tasks, Task *task, int number, const uint64_t *arguments)
{
    struct user_regs_struct registers;
    set_call(task, number, arguments, &registers);
    tasks->may_sleep = number == CALL_WAIT4 || number == CALL_EXIT;
    Stop stop = run_task(tasks, task, &registers);
    tasks->may_sleep = false;
    return stop;
}

Task *adopt_newborn(Tasks *tasks, const char *name)
{
    Task *task = add_task(tasks, name, tasks->newborn);
    int status;
    tasks->newborn = 0;
    must(waitpid(task->id, &status, __WALL), "waiting for a new task");
    if (resume(tasks, task, 0).kind != STOP_BREAKPOINT)
        refuse("a new task did not reach its breakpoint");
    task->shown = read_faults(tasks, task);
    task->started = task->known = task->shown;
    return task;
}

/* The id of a task's thread group. */
static pid_t group_of(const Tasks *tasks, const Task *task)
{
    size_t mark = take_mark();
    const char *text = read_task_file(tasks, task, "status", NULL);
    const char *line = strstr(text, "\nTgid:");
    pid_t group = line ? (pid_t)strtol(line + sizeof "\nTgid:" - 1, NULL, 10) : task->id;
    give_back(mark);
    return group;
}

void kill_task(Tasks *tasks, Task *task, int number)
{
    pid_t group = group_of(tasks, task);
    bool in_group[TASKS_MAX];
    for (int i = 0; i < tasks->count; i++)
        in_group[i] = !tasks->list[i].is_reaped && group_of(tasks, &tasks->list[i]) == group;
    must(ptrace(PTRACE_CONT, task->id, NULL, (long)number), "delivering a signal");
    /* The first thread last: its end is told after the others'. */
    for (int i = tasks->count - 1; i >= 0; i--) {
        int status;
        if (!in_group[i])
            continue;
        if (waitpid(tasks->list[i].id, &status, __WALL) < 0 || WIFSTOPPED(status))
            refuse("%s did not die of its signal", tasks->list[i].name);
        note_end(&tasks->list[i], status);
    }
}

void end_tasks(Tasks *tasks)
{
    for (int i = 0; i < tasks->count; i++)
        if (!tasks->list[i].is_reaped)
            kill(tasks->list[i].id, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        continue;
}

Task *task_named(Tasks *tasks, const char *name)
{
    for (int i = 0; i < tasks->count; i++)
        if (strcmp(tasks->list[i].name, name) == 0)
            return &tasks->list[i];
    return NULL;
}

Task *task_with_id(Tasks *tasks, pid_t id)
{
    for (int i = 0; i < tasks->count; i++)
        if (tasks->list[i].id == id)
            return &tasks->list[i];
    return NULL;
}
