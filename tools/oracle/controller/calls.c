/*
 * System calls: arguments into the task's registers, the result into words. docs/script.md, sections 4 and 9.
 */
#include "base.h"
#include "run.h"

#include <string.h>
#include <sys/wait.h>

#define ERRNO_MAX 4095

/* Where a path stands in the task's memory: exec put every string of the script on its stack, one behind the other. */
static uint64_t path_address(const Run *run, const char *path)
{
    uint64_t address = run->layout.strings;
    for (int i = 0; i < run->script->string_count && strcmp(run->script->strings[i], path) != 0; i++)
        address += strlen(run->script->strings[i]) + 1;
    return address;
}

/* What wait4 found out: the task's name, and how it ended, which we were told when it did. */
static const char *format_end(Run *run, int64_t id)
{
    const Task *task = task_with_id(&run->tasks, (pid_t)id);
    if (task == NULL)
        return take_format("%lld", (long long)id);
    if (WIFEXITED(task->status))
        return take_format("%s exited %d", task->name, WEXITSTATUS(task->status));
    return take_format("%s killed %s", task->name, signal_name(WTERMSIG(task->status)));
}

/* The name of the task with that pid. */
static const char *format_task(Run *run, int64_t id)
{
    const Task *task = task_with_id(&run->tasks, (pid_t)id);
    return task ? task->name : take_format("%lld", (long long)id);
}

/* A result that is no error, as the transcript writes it. */
static const char *format_result(Run *run, ResultKind kind, int64_t result)
{
    switch (kind) {
    case RESULT_REGION:
    case RESULT_BREAK:
        return format_address(&run->regions, result);
    case RESULT_PID:
        return format_task(run, result);
    case RESULT_WAIT:
        return result > 0 ? format_end(run, result) : "0";
    default:
        return take_format("%lld", (long long)result);
    }
}

/* Binds the statement's name to a result. A name that was a region and is none any more loses it. */
static void bind_result(Run *run, int64_t result, int64_t length)
{
    const Statement *statement = run->statement;
    const char *name = statement->bind.text;
    ResultKind kind = statement->call->result;
    set_value(run, name, result);
    if (kind == RESULT_REGION || kind == RESULT_BREAK)
        bind_region(&run->regions, name, result, kind == RESULT_REGION ? length : 0);
    else
        unbind_region(&run->regions, name);
}

/* The statement's arguments as the kernel takes them. */
static void evaluate_arguments(Run *run, uint64_t *arguments)
{
    const Statement *statement = run->statement;
    for (int i = 0; i < CALL_ARGS_MAX; i++) {
        const Expr *arg = i < statement->arg_count ? statement->args[i] : NULL;
        arguments[i] = arg == NULL ? 0 : arg->kind == EXPR_STRING ? path_address(run, arg->name) : (uint64_t)evaluate(run, arg);
    }
}

void start_call(Run *run, const Task *task, uint64_t *arguments)
{
    struct user_regs_struct registers;
    evaluate_arguments(run, arguments);
    set_call(task, run->statement->call->number, arguments, &registers);
    start_task(task, &registers);
}

const char *run_call(Run *run, Task *task)
{
    uint64_t arguments[CALL_ARGS_MAX];
    evaluate_arguments(run, arguments);
    Stop stop = call_in_task(&run->tasks, task, run->statement->call->number, arguments);
    return format_call(run, task, &stop, arguments);
}

const char *format_call(Run *run, const Task *task, const Stop *stop, const uint64_t *arguments)
{
    const Statement *statement = run->statement;
    const CallWord *call = statement->call;
    if (stop->kind == STOP_WAITING)
        stop_run(run, statement->call_word.column, "%s would wait for ever", call->name);
    if (stop->kind == STOP_ENDED)
        return call->result == RESULT_EXIT ? "?" : signal_name(WTERMSIG(task->status));
    if (stop->kind == STOP_SIGNAL)
        stop_run(run, statement->call_word.column, "%s got %s", call->name, signal_name(stop->info.si_signo));
    int64_t result = (int64_t)stop->registers.rax;
    if (result < 0 && result >= -ERRNO_MAX)
        return take_format("-1 %s", errno_name((int)-result));
    if (call->result == RESULT_TASK) {
        const Task *child = adopt_newborn(&run->tasks, statement->bind.text);
        set_value(run, child->name, child->id);
        return child->name;
    }
    const char *text = format_result(run, call->result, result);
    if (statement->bind.text)
        bind_result(run, result, (int64_t)arguments[1]);
    return text;
}
