/*
 * Reads a script: text to statements, one a line. The grammar is that of docs/script.md, section 2; the first mistake ends the program.
 */
#include "base.h"
#include "cursor.h"
#include "lexer.h"
#include "script.h"

#include <string.h>

/* Appends an expression to the statement. */
static void add_arg(Statement *statement, const Expr *arg)
{
    statement->args[statement->arg_count++] = arg;
}

/* NAME.NAME */
static const char *parse_dotted(Cursor *cursor, const char *what)
{
    const char *path = need_name(cursor, what).text;
    while (accept(cursor, "."))
        path = take_format("%s.%s", path, need_name(cursor, "the rest of the name").text);
    return path;
}

/* NAME/NAME, a cgroup. */
static Word parse_group(Cursor *cursor)
{
    Word group = need_name(cursor, "the name of a cgroup");
    while (accept(cursor, "/"))
        group.text = take_format("%s/%s", group.text, need_name(cursor, "the rest of the cgroup's name").text);
    return group;
}

/* swap SIZE [prio=N] [zram [mem_limit=SIZE]], from the size on. */
static void parse_swap(Cursor *cursor, Statement *statement)
{
    static const char *const OPTIONS[] = {"prio", "zram", "mem_limit", NULL};
    add_arg(statement, parse_expr(cursor, "a size"));
    statement->number = -1;
    while (peek(cursor)->kind != TOKEN_END) {
        int option = find_word(OPTIONS, peek(cursor));
        if (option < 0 || (option == 2 && !statement->is_zram))
            expected(cursor, statement->is_zram ? "prio or mem_limit" : "prio or zram");
        cursor->at++;
        if (option == 1) {
            statement->is_zram = true;
            continue;
        }
        need(cursor, "=", "\"=\"");
        int64_t value = need_number(cursor, option == 0 ? "a priority" : "a size");
        if (option == 0)
            statement->number = value;
        else
            statement->mem_limit = value;
    }
}

/* cgroup NAME [FILE=VALUE ...], from the name on. */
static void parse_cgroup(Cursor *cursor, Statement *statement)
{
    statement->group = parse_group(cursor);
    while (peek(cursor)->kind != TOKEN_END) {
        if (statement->setting_count == SETTINGS_MAX)
            expected(cursor, "fewer files");
        Setting *setting = &statement->settings[statement->setting_count++];
        setting->file = parse_dotted(cursor, "a file of the cgroup");
        need(cursor, "=", "\"=\"");
        if (peek(cursor)->kind == TOKEN_NAME && strcmp(peek(cursor)->text, "max") == 0) {
            cursor->at++;
            setting->number = -1;
        } else
            setting->number = need_number(cursor, "a number or max");
    }
}

/* watch NAME GROUP FILE [WORD | NUMBER ...], from the name on. */
static void parse_watch(Cursor *cursor, Statement *statement)
{
    statement->watch = need_name(cursor, "the name of a watch");
    statement->group = parse_group(cursor);
    statement->group_file = parse_dotted(cursor, "a file of the cgroup");
    statement->watch_args = "";
    while (peek(cursor)->kind != TOKEN_END) {
        const char *comma = *statement->watch_args ? "," : "";
        if (peek(cursor)->kind == TOKEN_NUMBER)
            statement->watch_args = take_format("%s%s%lld", statement->watch_args, comma, (long long)need_number(cursor, "a number"));
        else
            statement->watch_args = take_format("%s%s%s", statement->watch_args, comma, need_name(cursor, "a word or a number").text);
    }
}

/* sysctl NAME.NAME = NUMBER, from the first name on. */
static void parse_sysctl(Cursor *cursor, Statement *statement)
{
    const char *path = parse_dotted(cursor, "the name of a sysctl");
    need(cursor, "=", "\"=\"");
    int sign = accept(cursor, "-") ? -1 : 1;
    statement->sysctl = path;
    statement->number = sign * need_number(cursor, "a number");
}

/* Returns whether the line is a directive. */
static bool parse_directive(Cursor *cursor, Statement *statement)
{
    static const char *const DIRECTIVES[] = {"file", "drop", "warm", "sysctl", "swap", "cgroup", "watch", "together", "end", NULL};
    static const ActionKind KINDS[] = {ACTION_FILE, ACTION_DROP,   ACTION_WARM,     ACTION_SYSCTL,
                                       ACTION_SWAP, ACTION_CGROUP, ACTION_WATCH,    ACTION_TOGETHER, ACTION_END};
    int which = find_word(DIRECTIVES, peek(cursor));
    if (which < 0)
        return false;
    if (statement->task.text)
        expected(cursor, "a call, an access or show after the task");
    cursor->at++;
    statement->kind = KINDS[which];
    if (statement->kind == ACTION_SYSCTL) {
        parse_sysctl(cursor, statement);
        return true;
    }
    if (statement->kind == ACTION_SWAP) {
        parse_swap(cursor, statement);
        return true;
    }
    if (statement->kind == ACTION_CGROUP) {
        parse_cgroup(cursor, statement);
        return true;
    }
    if (statement->kind == ACTION_WATCH) {
        parse_watch(cursor, statement);
        return true;
    }
    if (statement->kind == ACTION_TOGETHER || statement->kind == ACTION_END)
        return true;
    statement->file = need_name(cursor, "the name of a file");
    if (statement->kind == ACTION_FILE)
        add_arg(statement, parse_expr(cursor, "a size"));
    return true;
}

/* One or more fields of vmstat or meminfo. */
static void parse_fields(Cursor *cursor, Statement *statement)
{
    do {
        if (statement->field_count == FIELDS_MAX)
            expected(cursor, "fewer fields");
        statement->fields[statement->field_count++] = need_name(cursor, "a field");
    } while (peek(cursor)->kind == TOKEN_NAME);
}

/* show VIEW, from the view on. */
static void parse_show(Cursor *cursor, Statement *statement)
{
    static const char *const VIEWS[] = {"maps",   "smaps",   "smaps_rollup", "status", "statm",  "faults",
                                        "pagemap", "cached", "vmstat",       "meminfo", "cgroup", "swaps",
                                        "pressure", "totals", "dmesg", "watched", "zram", NULL};
    int view = find_word(VIEWS, peek(cursor));
    if (view < 0)
        expected(cursor, "maps, smaps, smaps_rollup, status, statm, faults, pagemap, cached, vmstat, meminfo, cgroup, swaps, pressure, totals, dmesg, watched or zram");
    cursor->at++;
    statement->kind = ACTION_SHOW;
    statement->view = (View)view;
    switch (statement->view) {
    case VIEW_SMAPS:
        if (peek(cursor)->kind != TOKEN_END)
            add_arg(statement, parse_expr(cursor, "an address"));
        if (peek(cursor)->kind != TOKEN_END)
            add_arg(statement, parse_expr(cursor, "a length"));
        break;
    case VIEW_PAGEMAP:
        add_arg(statement, parse_expr(cursor, "an address"));
        add_arg(statement, parse_expr(cursor, "a length"));
        break;
    case VIEW_CACHED:
        statement->file = need_name(cursor, "the name of a file");
        break;
    case VIEW_VMSTAT:
    case VIEW_MEMINFO:
        parse_fields(cursor, statement);
        break;
    case VIEW_CGROUP:
        statement->group = parse_group(cursor);
        statement->group_file = parse_dotted(cursor, "a file of the cgroup");
        if (peek(cursor)->kind == TOKEN_NAME)
            parse_fields(cursor, statement);
        break;
    case VIEW_PRESSURE:
        if (peek(cursor)->kind != TOKEN_END) {
            if (strcmp(need_name(cursor, "cgroup").text, "cgroup") != 0)
                expected(cursor, "cgroup before its name");
            statement->group = parse_group(cursor);
            statement->group_file = "memory.pressure";
        }
        break;
    case VIEW_WATCHED:
        statement->watch = need_name(cursor, "the name of a watch");
        break;
    default:
        break;
    }
}

/* load, store or fetch, from the address on. */
static void parse_access(Cursor *cursor, Statement *statement)
{
    statement->kind = ACTION_ACCESS;
    add_arg(statement, parse_expr(cursor, "an address"));
    add_arg(statement, parse_expr(cursor, "a length"));
    if (statement->op == OP_STORE && peek(cursor)->kind != TOKEN_END)
        add_arg(statement, parse_expr(cursor, "a value"));
}

/* Whether an option says anything about the pattern. */
static bool takes_option(const Statement *statement, const char *name)
{
    bool is_mix = statement->op == OP_MIX;
    if (strcmp(name, "seed") == 0)
        return is_mix || statement->shape == SHAPE_UNIFORM || statement->shape == SHAPE_ZIPF;
    if (strcmp(name, "theta") == 0)
        return statement->shape == SHAPE_ZIPF;
    return strcmp(name, "writes") == 0 && is_mix;
}

/* NAME=NUMBER behind a pattern. */
static void parse_option(Cursor *cursor, Statement *statement)
{
    Word name = need_name(cursor, "an option");
    const Line *line = cursor->line;
    if (!takes_option(statement, name.text))
        script_error(line->file, line->number, name.column, "expected an option of this pattern, found %s", name.text);
    need(cursor, "=", "\"=\"");
    int column = peek(cursor)->column;
    int64_t value = need_number(cursor, "a number");
    int64_t most = name.text[0] == 's' ? UINT32_MAX : name.text[0] == 't' ? 5000 : 100;
    if (value > most)
        script_error(line->file, line->number, column, "expected %s from 0 to %lld, found %lld", name.text, (long long)most,
                     (long long)value);
    uint32_t *option = name.text[0] == 's' ? &statement->seed : name.text[0] == 't' ? &statement->theta : &statement->writes;
    *option = (uint32_t)value;
}

/* A pattern, from its operation on. Options that are left out have the defaults of section 5. */
static void parse_pattern(Cursor *cursor, Statement *statement)
{
    static const char *const OPS[] = {"load", "store", "fetch", "mix", NULL};
    int op = find_word(OPS, peek(cursor));
    if (op < 0)
        expected(cursor, "load, store, fetch or mix");
    cursor->at++;
    statement->kind = ACTION_PATTERN;
    statement->op = (Op)op;
    statement->seed = 1;
    statement->theta = 900;
    statement->writes = 30;
    add_arg(statement, parse_expr(cursor, "an address"));
    add_arg(statement, parse_expr(cursor, "a length"));
    if (statement->shape != SHAPE_SCAN)
        add_arg(statement, parse_expr(cursor, statement->shape == SHAPE_STRIDE ? "a step" : "a number of accesses"));
    while (peek(cursor)->kind != TOKEN_END)
        parse_option(cursor, statement);
}

/* Returns whether the line is an access or a pattern. */
static bool parse_touch(Cursor *cursor, Statement *statement)
{
    static const char *const ACCESSES[] = {"load", "store", "fetch", NULL};
    static const char *const SHAPES[] = {"scan", "stride", "loop", "uniform", "zipf", NULL};
    const Token *first = peek(cursor);
    if (first->kind == TOKEN_NAME && strcmp(first->text, "fatal") == 0) {
        statement->is_fatal = true;
        cursor->at++;
    }
    int access = find_word(ACCESSES, peek(cursor));
    int shape = find_word(SHAPES, peek(cursor));
    if (access < 0 && shape < 0) {
        if (statement->is_fatal)
            expected(cursor, "an access after fatal");
        return false;
    }
    cursor->at++;
    if (access >= 0) {
        statement->op = (Op)access;
        parse_access(cursor, statement);
    } else {
        statement->shape = (Shape)shape;
        parse_pattern(cursor, statement);
    }
    return true;
}

/* An argument of a call: a path in quotes, or an expression. */
static const Expr *parse_arg(Cursor *cursor)
{
    const Token *token = peek(cursor);
    if (token->kind != TOKEN_STRING)
        return parse_expr(cursor, "an argument");
    cursor->at++;
    Expr *expr = new_expr(EXPR_STRING, token->column);
    expr->name = token->text;
    return expr;
}

/* [NAME =] CALL(ARGUMENTS) */
static void parse_call(Cursor *cursor, Statement *statement)
{
    statement->kind = ACTION_CALL;
    if (peek(cursor)->kind == TOKEN_NAME && is_punctuation(peek(cursor) + 1, "=")) {
        statement->bind = need_name(cursor, "a name");
        cursor->at++;
    }
    const Token *name = peek(cursor);
    statement->call = name->kind == TOKEN_NAME ? find_call(name->text) : NULL;
    if (statement->call == NULL)
        expected(cursor, statement->bind.text ? "a system call" : "a statement");
    statement->call_word = need_name(cursor, "a system call");
    need(cursor, "(", "\"(\"");
    if (accept(cursor, ")"))
        return;
    do {
        if (statement->arg_count == CALL_ARGS_MAX)
            expected(cursor, "fewer arguments");
        add_arg(statement, parse_arg(cursor));
    } while (accept(cursor, ","));
    need(cursor, ")", "\",\" or \")\"");
}

/* A whole line: [TASK:] and what it says. */
static void parse_statement(Cursor *cursor, Statement *statement)
{
    if (peek(cursor)->kind == TOKEN_NAME && is_punctuation(peek(cursor) + 1, ":")) {
        statement->task = need_name(cursor, "a task");
        cursor->at++;
    }
    const Token *first = peek(cursor);
    if (first->kind != TOKEN_NAME)
        expected(cursor, "a statement");
    if (strcmp(first->text, "show") == 0) {
        cursor->at++;
        parse_show(cursor, statement);
    } else if (strcmp(first->text, "enter") == 0) {
        cursor->at++;
        statement->kind = ACTION_ENTER;
        statement->group = parse_group(cursor);
    } else if (strcmp(first->text, "oom_score_adj") == 0) {
        cursor->at++;
        statement->kind = ACTION_ADJUST;
        int sign = accept(cursor, "-") ? -1 : 1;
        statement->number = sign * need_number(cursor, "a number");
    } else if (!parse_directive(cursor, statement) && !parse_touch(cursor, statement))
        parse_call(cursor, statement);
    if (peek(cursor)->kind != TOKEN_END)
        expected(cursor, "the end of the line");
}

/* Takes note of what a statement makes of its whole script. */
static void note_traits(Script *script, const Statement *statement)
{
    script->has_files |= statement->kind == ACTION_FILE;
    script->is_pressure |= statement->kind == ACTION_SWAP || statement->kind == ACTION_CGROUP || statement->kind == ACTION_TOGETHER
                           || statement->kind == ACTION_ADJUST || statement->kind == ACTION_WATCH || (statement->kind == ACTION_SHOW && statement->view == VIEW_DMESG);
    script->has_old_groups |= statement->kind == ACTION_WATCH;
    script->swap_count += statement->kind == ACTION_SWAP;
    for (int i = 0; i < statement->setting_count; i++)
        script->has_old_groups |= is_old_group_file(statement->settings[i].file);
}

/* No script has more statements than lines. */
static int count_lines(const char *text)
{
    int count = 1;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

/* Adds the paths of a statement to the script's strings. */
static void note_strings(Script *script, const Statement *statement)
{
    for (int i = 0; i < statement->arg_count; i++) {
        const Expr *arg = statement->args[i];
        if (arg->kind != EXPR_STRING)
            continue;
        int known = 0;
        while (known < script->string_count && strcmp(script->strings[known], arg->name) != 0)
            known++;
        if (known < script->string_count)
            continue;
        if (known == STRINGS_MAX)
            script_error(script->file, statement->line, arg->column, "expected at most %d different paths", STRINGS_MAX);
        script->strings[script->string_count++] = arg->name;
    }
}

Script *read_script(const char *file, const char *text)
{
    Script *script = take(sizeof *script);
    Line *line = take(sizeof *line);
    script->file = file;
    script->statements = take(sizeof(Statement) * (size_t)count_lines(text));
    line->file = file;
    for (const char *start = text; *start;) {
        size_t length = strcspn(start, "\n");
        size_t kept = length > 0 && start[length - 1] == '\r' ? length - 1 : length;
        line->number++;
        lex_line(line, start, kept);
        if (line->count > 1) {
            Statement *statement = &script->statements[script->count++];
            statement->line = line->number;
            statement->text = line->text;
            parse_statement(&(Cursor){line, 0}, statement);
            note_strings(script, statement);
            note_traits(script, statement);
        }
        start += length + (start[length] == '\n');
    }
    check_script(script);
    return script;
}
