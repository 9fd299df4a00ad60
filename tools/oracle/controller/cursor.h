/*
 * Reading the words of a line one after the other, and the expressions among them. The first mistake ends the program.
 */
#ifndef CURSOR_H
#define CURSOR_H

#include "lexer.h"
#include "script.h"

/* Where reading stands in a line. */
typedef struct Cursor {
    const Line *line;
    int at;
} Cursor;

/* The word that comes next. */
const Token *peek(const Cursor *cursor);

/* Ends the program: something else should stand here. */
_Noreturn void expected(const Cursor *cursor, const char *what);

/* Whether a word is that punctuation. */
bool is_punctuation(const Token *token, const char *text);

/* Takes the next word if it is that punctuation. */
bool accept(Cursor *cursor, const char *punctuation);

/* Take the next word, which has to be that punctuation, a name, a number. */
void need(Cursor *cursor, const char *punctuation, const char *what);
Word need_name(Cursor *cursor, const char *what);
int64_t need_number(Cursor *cursor, const char *what);

/* The position of a name in a list that ends with NULL, or -1. */
int find_word(const char *const *list, const Token *token);

/* An expression of that kind, still empty. */
Expr *new_expr(ExprKind kind, int column);

/* Takes an expression; `what` is what it is there, for the message when it is none. */
const Expr *parse_expr(Cursor *cursor, const char *what);

#endif
