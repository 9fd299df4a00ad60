/*
 * Cuts one line of a script into words. docs/script.md, section 1.
 */
#ifndef LEXER_H
#define LEXER_H

#include <stddef.h>
#include <stdint.h>

#define TOKENS_MAX 256

typedef enum { TOKEN_NUMBER, TOKEN_NAME, TOKEN_STRING, TOKEN_PUNCTUATION, TOKEN_END } TokenKind;

/* One word. Columns count from 1; `value` counts for numbers only. */
typedef struct Token {
    TokenKind kind;
    const char *text;
    int64_t value;
    int column;
} Token;

/* The words of a line, the last of kind TOKEN_END, and the line without comment and blanks at its ends. */
typedef struct Line {
    const char *file;
    int number;
    const char *text;
    Token tokens[TOKENS_MAX];
    int count;
} Line;

/* Cuts the `length` bytes at `bytes`, the line's end not among them. Ends the program when a word is malformed. */
void lex_line(Line *line, const char *bytes, size_t length);

#endif
