/*
 * The meaning of a script as far as reading tells it: every name is bound by an earlier line, tasks are tasks, files are files, calls
 * have their arguments. docs/script.md, sections 3, 4 and 12.
 */
#include "base.h"
#include "script.h"

#include <string.h>

typedef enum { NAME_VALUE = 1, NAME_TASK = 2, NAME_FILE = 4 } NameUse;

typedef struct Name {
    const char *text;
    unsigned uses;
} Name;

/* What the lines so far have named. */
typedef struct Scope {
    const Script *script;
    int line;
    Name *names;
    int count;
} Scope;

/* What is known of a name; NULL when nothing is. */
static Name *find_name(const Scope *scope, const char *text)
{
    for (int i = 0; i < scope->count; i++)
        if (strcmp(scope->names[i].text, text) == 0)
            return &scope->names[i];
    return NULL;
}

/* Whether a name has that use by now. */
static bool is_used_as(const Scope *scope, const char *text, NameUse use)
{
    const Name *name = find_name(scope, text);
    return name && (name->uses & use);
}

/* Gives a name one use more. */
static void add_name(Scope *scope, const char *text, unsigned uses)
{
    Name *name = find_name(scope, text);
    if (name == NULL) {
        name = &scope->names[scope->count++];
        name->text = text;
    }
    name->uses |= uses;
}

/* Every name of an expression is bound by now. */
static void check_expr(const Scope *scope, const Expr *expr)
{
    int64_t value;
    if (expr->kind == EXPR_NAME && !is_used_as(scope, expr->name, NAME_VALUE) && !find_constant(expr->name, &value))
        script_error(scope->script->file, scope->line, expr->column, "no earlier line binds %s", expr->name);
    if (expr->left)
        check_expr(scope, expr->left);
    if (expr->right)
        check_expr(scope, expr->right);
}

/* Paths stand where paths belong, and numbers everywhere else. */
static void check_args(const Scope *scope, const Statement *statement)
{
    for (int i = 0; i < statement->arg_count; i++) {
        const Expr *arg = statement->args[i];
        bool wants_path = statement->kind == ACTION_CALL && statement->call->takes_path && i == 0;
        if (arg->kind == EXPR_STRING && !wants_path)
            script_error(scope->script->file, scope->line, arg->column, "expected a number, found \"%s\"", arg->name);
        if (arg->kind != EXPR_STRING && wants_path)
            script_error(scope->script->file, scope->line, arg->column, "expected a path in quotes, found a number");
        check_expr(scope, arg);
    }
}

/* The call has its arguments, and its result gets a name that is free. */
static void check_call(Scope *scope, const Statement *statement)
{
    const CallWord *call = statement->call;
    const char *file = scope->script->file;
    if (statement->arg_count < call->required || statement->arg_count > call->most)
        script_error(file, scope->line, statement->call_word.column, "expected %d to %d arguments of %s, found %d", call->required,
                     call->most, call->name, statement->arg_count);
    bool makes_task = call->result == RESULT_TASK;
    const Word *bind = &statement->bind;
    if (bind->text == NULL) {
        if (makes_task)
            script_error(file, scope->line, statement->call_word.column, "expected a name for the new task, found %s", call->name);
        return;
    }
    if (!may_bind(bind->text))
        script_error(file, scope->line, bind->column, "expected a free name, found %s, which has a meaning of its own", bind->text);
    if (is_used_as(scope, bind->text, NAME_TASK))
        script_error(file, scope->line, bind->column, "expected a free name, found %s, which names a task", bind->text);
    add_name(scope, bind->text, makes_task ? NAME_VALUE | NAME_TASK : NAME_VALUE);
}

/* What may stand between together and end, and swap before everything else. */
static void check_place(const Script *script, int index)
{
    const Statement *statement = &script->statements[index];
    bool is_inside = false;
    bool is_first = true;
    for (int i = 0; i < index; i++) {
        is_inside = script->statements[i].kind == ACTION_TOGETHER || (is_inside && script->statements[i].kind != ACTION_END);
        is_first = is_first && script->statements[i].kind == ACTION_SWAP;
    }
    if (statement->kind == ACTION_SWAP && !is_first)
        script_error(script->file, statement->line, 1, "expected swap before all other statements");
    if ((statement->kind == ACTION_END) && !is_inside)
        script_error(script->file, statement->line, 1, "expected a statement, found end");
    if (!is_inside || statement->kind == ACTION_END)
        return;
    bool is_touch = statement->kind == ACTION_ACCESS || statement->kind == ACTION_PATTERN;
    ResultKind result = statement->kind == ACTION_CALL ? statement->call->result : RESULT_NUMBER;
    if ((!is_touch && statement->kind != ACTION_CALL) || result == RESULT_TASK || result == RESULT_WAIT || result == RESULT_EXIT
        || (is_touch && (statement->is_fatal || statement->op == OP_FETCH)))
        script_error(script->file, statement->line, 1, "expected an access or a call that ends by itself between together and end");
}

/* One statement, after all those before it. */
static void check_statement(Scope *scope, const Statement *statement)
{
    const Word *task = &statement->task;
    if (task->text && !is_used_as(scope, task->text, NAME_TASK))
        script_error(scope->script->file, scope->line, task->column, "no task is named %s", task->text);
    check_args(scope, statement);
    if (statement->kind == ACTION_CALL)
        check_call(scope, statement);
    else if (statement->kind == ACTION_FILE)
        add_name(scope, statement->file.text, NAME_FILE);
    else if (statement->file.text && !is_used_as(scope, statement->file.text, NAME_FILE))
        script_error(scope->script->file, scope->line, statement->file.column, "no earlier line makes a file %s",
                     statement->file.text);
}

void check_script(const Script *script)
{
    static const char *const BASES[] = {"text", "heap", "top", "stack"};
    Scope scope = {script, 0, take(sizeof(Name) * (size_t)(script->count + 8)), 0};
    for (size_t i = 0; i < sizeof BASES / sizeof BASES[0]; i++)
        add_name(&scope, BASES[i], NAME_VALUE);
    add_name(&scope, "main", NAME_VALUE | NAME_TASK);
    for (int i = 0; i < script->count; i++) {
        scope.line = script->statements[i].line;
        check_place(script, i);
        check_statement(&scope, &script->statements[i]);
    }
}
