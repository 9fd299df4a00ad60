/*
 * Accesses: loads, stores and fetches by the stub's routines, and patterns by its batch routine. docs/script.md, section 5.
 *
 * A fetch needs no routine: the task is sent to the address itself. The two bytes there are either 00 00, `add %al,(%rax)`, which takes
 * a general protection fault because rax is no canonical address, or cc, a breakpoint. Either one says that the fetch was done.
 */
#include "../stub/layout.h"
#include "base.h"
#include "patterns.h"
#include "run.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define NOT_CANONICAL UINT64_C(0x8000000000000000)
#define ADDRESS_BITS 48

/* Codes of siginfo_t that the C library names only in part. */
enum { CODE_KERNEL = 0x80, CODE_SEGV_MAPERR = 1, CODE_SEGV_ACCERR = 2, CODE_SEGV_PKUERR = 4, CODE_BUS_ADRERR = 2 };

/* Whether an address is one of the processor's 48 bits: bit 47 repeated above it. */
static bool is_canonical(uint64_t address)
{
    int64_t moved = (int64_t)(address << (64 - ADDRESS_BITS)) >> (64 - ADDRESS_BITS);
    return (uint64_t)moved == address;
}

/* The name of what a signal says about an address. */
static const char *code_name(const siginfo_t *info)
{
    if (info->si_signo == SIGSEGV && info->si_code == CODE_SEGV_MAPERR)
        return "SEGV_MAPERR";
    if (info->si_signo == SIGSEGV && info->si_code == CODE_SEGV_ACCERR)
        return "SEGV_ACCERR";
    if (info->si_signo == SIGSEGV && info->si_code == CODE_SEGV_PKUERR)
        return "SEGV_PKUERR";
    if (info->si_signo == SIGBUS && info->si_code == CODE_BUS_ADRERR)
        return "BUS_ADRERR";
    return take_format("code %d", info->si_code);
}

/* The result of an access that did not finish. `after` is what a pattern adds. Lets a fatal one kill the task. */
static const char *format_stop(Run *run, Task *task, const Stop *stop, const char *after)
{
    if (stop->kind == STOP_ENDED)
        return take_format("%s%s", signal_name(WTERMSIG(task->status)), after);
    const siginfo_t *info = &stop->info;
    const char *killed = "";
    const char *what;
    if (info->si_code == CODE_KERNEL)
        what = take_format("%s SI_KERNEL", signal_name(info->si_signo));
    else
        what = take_format("%s %s %s", signal_name(info->si_signo), code_name(info),
                           format_address(&run->regions, (int64_t)(intptr_t)info->si_addr));
    if (run->statement->is_fatal) {
        kill_task(&run->tasks, task, info->si_signo);
        killed = " killed";
    }
    return take_format("%s%s%s", what, after, killed);
}

/* Fetches at one address. A stop of kind STOP_BREAKPOINT says that it was done. */
static Stop fetch_at(Run *run, Task *task, uint64_t address)
{
    struct user_regs_struct registers;
    read_registers(task, &registers);
    registers.orig_rax = UINT64_MAX;
    registers.rip = address;
    registers.rax = NOT_CANONICAL;
    Stop stop = run_task(&run->tasks, task, &registers);
    if (stop.kind == STOP_SIGNAL && stop.info.si_signo == SIGSEGV && stop.info.si_code == CODE_KERNEL && is_canonical(address))
        stop.kind = STOP_BREAKPOINT;
    return stop;
}

/* Fetches at an address and at the start of every further page of the range. */
static const char *run_fetch(Run *run, Task *task, uint64_t address, uint64_t length)
{
    uint64_t end = address + length;
    for (uint64_t at = address; at < end; at = at / PAGE_BYTES * PAGE_BYTES + PAGE_BYTES) {
        Stop stop = fetch_at(run, task, at);
        if (stop.kind != STOP_BREAKPOINT)
            return format_stop(run, task, &stop, "");
    }
    return "ok";
}

/* What a load of these registers read. */
static const char *format_loaded(const struct user_regs_struct *registers, int64_t length)
{
    if (length == 1 || length == 2 || length == 4 || length == 8)
        return take_format("0x%llx", registers->rbx >> (64 - 8 * length));
    return take_format("fnv 0x%08x", (uint32_t)registers->rax);
}

/*
 * Loads or stores the bytes from `at` up to `end`, in one go or, where they may come from disk, page by page: a read-ahead that a page
 * starts is then done before the next page is touched, and what is mapped with it does not depend on how fast the disk is.
 */
static Stop touch_bytes(Run *run, Task *task, uint64_t at, uint64_t end, uint64_t value)
{
    bool is_load = run->statement->op == OP_LOAD;
    struct user_regs_struct registers;
    read_registers(task, &registers);
    registers.orig_rax = UINT64_MAX;
    registers.rax = is_load ? FNV_START : value;
    for (;;) {
        uint64_t page_end = at / PAGE_BYTES * PAGE_BYTES + PAGE_BYTES;
        registers.rip = is_load ? STUB_LOAD : STUB_STORE;
        registers.rdi = at;
        registers.rsi = run->script->has_files && !run->script->is_pressure && end - at > page_end - at ? page_end : end;
        Stop stop = run_task(&run->tasks, task, &registers);
        if (stop.kind != STOP_BREAKPOINT || registers.rsi == end)
            return stop;
        at = registers.rsi;
        registers = stop.registers;
        wait_for_quiet_disk(run->world);
    }
}

const char *run_access(Run *run, Task *task)
{
    const Statement *statement = run->statement;
    int64_t address = evaluate(run, statement->args[0]);
    int64_t length = evaluate(run, statement->args[1]);
    int64_t value = statement->arg_count > 2 ? evaluate(run, statement->args[2]) : 1;
    if (length < 1)
        stop_run(run, statement->args[1]->column, "expected a length of at least 1, found %lld", (long long)length);
    if (value < 0 || value > UINT32_MAX)
        stop_run(run, statement->args[2]->column, "expected a value of 32 bits, found %lld", (long long)value);
    if (statement->op == OP_FETCH)
        return run_fetch(run, task, (uint64_t)address, (uint64_t)length);
    Stop stop = touch_bytes(run, task, (uint64_t)address, (uint64_t)(address + length), (uint64_t)value);
    if (stop.kind != STOP_BREAKPOINT)
        return format_stop(run, task, &stop, "");
    return statement->op == OP_LOAD ? format_loaded(&stop.registers, length) : "ok";
}

/* Puts the next accesses of a pattern, at most `most`, into the task's vector registers, and the rest of what the stub needs into `registers`. */
static void set_batch(const Task *task, Touch *touch, unsigned most, struct user_regs_struct *registers)
{
    struct user_fpregs_struct vectors;
    uint32_t entries[STUB_BATCH_MAX];
    unsigned count = 0;
    while (count < most && touch->pattern.index < touch->pattern.count)
        entries[count++] = next_entry(&touch->pattern);
    read_registers(task, registers);
    registers->orig_rax = UINT64_MAX;
    registers->rip = STUB_BATCH;
    registers->rdi = (uint64_t)touch->address;
    registers->rcx = count;
    registers->r8 = (uint32_t)touch->done;
    registers->rax = touch->hash;
    memset(&vectors, 0, sizeof vectors);
    if (ptrace(PTRACE_GETFPREGS, task->id, NULL, &vectors) < 0 && errno != ESRCH)
        refuse("reading vector registers");
    memcpy(vectors.xmm_space, entries, sizeof *entries * count);
    if (ptrace(PTRACE_SETFPREGS, task->id, NULL, &vectors) < 0 && errno != ESRCH)
        refuse("setting vector registers");
}

/* Takes over what a batch came to. */
static void take_batch(Touch *touch, const Stop *stop)
{
    if (stop->kind == STOP_ENDED)
        return;
    touch->done += (uint32_t)stop->registers.r8 - (uint32_t)touch->done;
    touch->hash = (uint32_t)stop->registers.rax;
}

/* Does a pattern of loads and stores: many at a time, or one by one where a page may come from disk, as touch_bytes does. */
static Stop run_batches(Run *run, Task *task, Touch *touch)
{
    Stop stop = {.kind = STOP_BREAKPOINT};
    bool is_slow = run->script->has_files && !run->script->is_pressure;
    while (stop.kind == STOP_BREAKPOINT && touch->done < touch->pattern.count) {
        struct user_regs_struct registers;
        set_batch(task, touch, is_slow ? 1 : STUB_BATCH_MAX, &registers);
        stop = run_task(&run->tasks, task, &registers);
        take_batch(touch, &stop);
        if (!run->script->is_pressure)
            wait_for_quiet_disk(run->world);
    }
    return stop;
}

/* Does a pattern of fetches, one by one: each is a stop of its own. */
static Stop run_fetches(Run *run, Task *task, Touch *touch)
{
    Stop stop = {.kind = STOP_BREAKPOINT};
    while (touch->done < touch->pattern.count) {
        stop = fetch_at(run, task, (uint64_t)touch->address + UINT64_C(4) * next_entry(&touch->pattern));
        if (stop.kind != STOP_BREAKPOINT)
            break;
        touch->done++;
        wait_for_quiet_disk(run->world);
    }
    return stop;
}

/* Ends the script when a pattern's numbers are out of range. */
static void check_pattern(Run *run, int64_t address, int64_t length, int64_t third)
{
    const Statement *statement = run->statement;
    if (address % 4 != 0)
        stop_run(run, statement->args[0]->column, "expected an address that is a multiple of 4");
    if (length < 1 || length > PATTERN_PAGES_MAX * PAGE_BYTES)
        stop_run(run, statement->args[1]->column, "expected a length from 1 to 8G, found %lld", (long long)length);
    if (statement->shape == SHAPE_STRIDE && (third == 0 || third % 4 != 0))
        stop_run(run, statement->args[2]->column, "expected a step that is a multiple of 4 and not 0, found %lld", (long long)third);
    if (statement->shape != SHAPE_STRIDE && third < 0)
        stop_run(run, statement->args[2]->column, "expected a number of accesses, found %lld", (long long)third);
}

/* Begins the statement's pattern. */
static void begin_pattern(Run *run, Touch *touch)
{
    const Statement *statement = run->statement;
    int64_t length = evaluate(run, statement->args[1]);
    int64_t third = statement->arg_count > 2 ? evaluate(run, statement->args[2]) : 0;
    touch->address = evaluate(run, statement->args[0]);
    touch->done = 0;
    touch->hash = FNV_START;
    check_pattern(run, touch->address, length, third);
    start_pattern(&touch->pattern, statement, length, third);
}

/* What a pattern came to. */
static const char *format_pattern(Run *run, Task *task, const Touch *touch, const Stop *stop)
{
    if (stop->kind != STOP_BREAKPOINT)
        return format_stop(run, task, stop, take_format(" after %llu", (unsigned long long)touch->done));
    return take_format("%llu accesses fnv 0x%08x", (unsigned long long)touch->done, touch->hash);
}

const char *run_pattern(Run *run, Task *task)
{
    Touch touch;
    begin_pattern(run, &touch);
    Stop stop = run->statement->op == OP_FETCH ? run_fetches(run, task, &touch) : run_batches(run, task, &touch);
    return format_pattern(run, task, &touch, &stop);
}

void start_touch(Run *run, Task *task, Touch *touch)
{
    struct user_regs_struct registers;
    const Statement *statement = run->statement;
    if (statement->kind == ACTION_PATTERN) {
        begin_pattern(run, touch);
        set_batch(task, touch, STUB_BATCH_MAX, &registers);
    } else {
        bool is_load = statement->op == OP_LOAD;
        int64_t address = evaluate(run, statement->args[0]);
        int64_t value = statement->arg_count > 2 ? evaluate(run, statement->args[2]) : 1;
        read_registers(task, &registers);
        registers.orig_rax = UINT64_MAX;
        registers.rip = is_load ? STUB_LOAD : STUB_STORE;
        registers.rax = is_load ? FNV_START : (uint32_t)value;
        registers.rdi = (uint64_t)address;
        registers.rsi = (uint64_t)(address + evaluate(run, statement->args[1]));
    }
    start_task(task, &registers);
}

const char *go_on_touching(Run *run, Task *task, Touch *touch, const Stop *stop)
{
    const Statement *statement = run->statement;
    if (statement->kind == ACTION_PATTERN) {
        take_batch(touch, stop);
        if (stop->kind != STOP_BREAKPOINT || touch->done == touch->pattern.count)
            return format_pattern(run, task, touch, stop);
        struct user_regs_struct registers;
        set_batch(task, touch, STUB_BATCH_MAX, &registers);
        start_task(task, &registers);
        return NULL;
    }
    if (stop->kind != STOP_BREAKPOINT)
        return format_stop(run, task, stop, "");
    return statement->op == OP_LOAD ? format_loaded(&stop->registers, evaluate(run, statement->args[1])) : "ok";
}
