/*
 * The cursor and the expressions; see cursor.h. Operators from the loosest: |, then + and -, then *, then the negation.
 */
#include "cursor.h"

#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void script_error(const char *file, int line, int column, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "%s:%d:%d: ", file, line, column);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_USAGE);
}

const Token *peek(const Cursor *cursor)
{
    return &cursor->line->tokens[cursor->at];
}

void expected(const Cursor *cursor, const char *what)
{
    const Token *token = peek(cursor);
    const char *quote = token->kind == TOKEN_STRING ? "\"" : "";
    script_error(cursor->line->file, cursor->line->number, token->column, "expected %s, found %s%s%s", what, quote, token->text,
                 quote);
}

bool is_punctuation(const Token *token, const char *text)
{
    return token->kind == TOKEN_PUNCTUATION && strcmp(token->text, text) == 0;
}

bool accept(Cursor *cursor, const char *punctuation)
{
    if (!is_punctuation(peek(cursor), punctuation))
        return false;
    cursor->at++;
    return true;
}

void need(Cursor *cursor, const char *punctuation, const char *what)
{
    if (!accept(cursor, punctuation))
        expected(cursor, what);
}

Word need_name(Cursor *cursor, const char *what)
{
    const Token *token = peek(cursor);
    if (token->kind != TOKEN_NAME)
        expected(cursor, what);
    cursor->at++;
    return (Word){token->text, token->column};
}

int64_t need_number(Cursor *cursor, const char *what)
{
    const Token *token = peek(cursor);
    if (token->kind != TOKEN_NUMBER)
        expected(cursor, what);
    cursor->at++;
    return token->value;
}

int find_word(const char *const *list, const Token *token)
{
    for (int i = 0; token->kind == TOKEN_NAME && list[i]; i++)
        if (strcmp(list[i], token->text) == 0)
            return i;
    return -1;
}

Expr *new_expr(ExprKind kind, int column)
{
    Expr *expr = take(sizeof *expr);
    expr->kind = kind;
    expr->column = column;
    return expr;
}

/* A number, a name, or an expression in brackets. */
static const Expr *parse_primary(Cursor *cursor, const char *what)
{
    const Token *token = peek(cursor);
    if (accept(cursor, "(")) {
        const Expr *inner = parse_expr(cursor, what);
        need(cursor, ")", "\")\"");
        return inner;
    }
    if (token->kind != TOKEN_NUMBER && token->kind != TOKEN_NAME)
        expected(cursor, what);
    cursor->at++;
    Expr *expr = new_expr(token->kind == TOKEN_NUMBER ? EXPR_NUMBER : EXPR_NAME, token->column);
    expr->number = token->value;
    expr->name = token->text;
    return expr;
}

/* The same, or its negation. */
static const Expr *parse_unary(Cursor *cursor, const char *what)
{
    int column = peek(cursor)->column;
    if (!accept(cursor, "-"))
        return parse_primary(cursor, what);
    Expr *expr = new_expr(EXPR_NEGATE, column);
    expr->left = parse_primary(cursor, "a number or a name");
    return expr;
}

/* Two operands and what is done with them. */
static const Expr *join(ExprKind kind, const Expr *left, const Expr *right)
{
    Expr *expr = new_expr(kind, left->column);
    expr->left = left;
    expr->right = right;
    return expr;
}

/* Operands of *, which binds tightest. */
static const Expr *parse_product(Cursor *cursor, const char *what)
{
    const Expr *left = parse_unary(cursor, what);
    while (accept(cursor, "*"))
        left = join(EXPR_MULTIPLY, left, parse_unary(cursor, "a number or a name"));
    return left;
}

/* Operands of + and -. */
static const Expr *parse_sum(Cursor *cursor, const char *what)
{
    const Expr *left = parse_product(cursor, what);
    for (;;) {
        if (accept(cursor, "+"))
            left = join(EXPR_ADD, left, parse_product(cursor, "a number or a name"));
        else if (accept(cursor, "-"))
            left = join(EXPR_SUBTRACT, left, parse_product(cursor, "a number or a name"));
        else
            return left;
    }
}

const Expr *parse_expr(Cursor *cursor, const char *what)
{
    const Expr *left = parse_sum(cursor, what);
    while (accept(cursor, "|"))
        left = join(EXPR_OR, left, parse_sum(cursor, "a number or a name"));
    return left;
}
