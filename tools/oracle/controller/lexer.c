/*
 * The lexer; see lexer.h.
 */
#include "lexer.h"

#include "base.h"
#include "script.h"

#include <ctype.h>
#include <string.h>

#define NUMBER_MAX 9007199254740991 /* 2^53 - 1 */
#define STRING_MAX 64

/* What numbers and names are made of. */
static int is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* What strings are made of. */
static int is_path_char(char c)
{
    return isalnum((unsigned char)c) || (c != 0 && strchr("._-/", c) != NULL);
}

/* What a number's suffix multiplies it by; 0 when it is none. */
static int64_t suffix_bytes(char suffix)
{
    switch (suffix) {
    case 0:
        return 1;
    case 'K':
        return INT64_C(1) << 10;
    case 'M':
        return INT64_C(1) << 20;
    case 'G':
        return INT64_C(1) << 30;
    case 'T':
        return INT64_C(1) << 40;
    default:
        return 0;
    }
}

/* The value of a number's digits and suffix. Returns -1 when they are none, -2 when it is too large. */
static int64_t number_value(const char *text)
{
    int base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
    const char *digit = base == 16 ? text + 2 : text;
    const char *first = digit;
    int64_t value = 0;
    for (; base == 16 ? isxdigit((unsigned char)*digit) : isdigit((unsigned char)*digit); digit++) {
        int worth = isdigit((unsigned char)*digit) ? *digit - '0' : tolower((unsigned char)*digit) - 'a' + 10;
        if (value > (NUMBER_MAX - worth) / base)
            return -2;
        value = value * base + worth;
    }
    int64_t unit = *digit && digit[1] ? 0 : suffix_bytes(*digit);
    if (digit == first || unit == 0)
        return -1;
    return value > NUMBER_MAX / unit ? -2 : value * unit;
}

/* Appends a word to the line. */
static void add_token(Line *line, TokenKind kind, const char *text, int column, int64_t value)
{
    if (line->count == TOKENS_MAX)
        script_error(line->file, line->number, column, "expected a shorter line");
    line->tokens[line->count++] = (Token){kind, text, value, column};
}

/* Cuts a number or a name that begins at `at`. Returns where it ends. */
static size_t lex_word(Line *line, const char *bytes, size_t at, size_t length)
{
    size_t end = at;
    while (end < length && is_word_char(bytes[end]))
        end++;
    char *text = take_text(bytes + at, end - at);
    int column = (int)at + 1;
    if (!isdigit((unsigned char)text[0])) {
        add_token(line, TOKEN_NAME, text, column, 0);
        return end;
    }
    int64_t value = number_value(text);
    if (value == -1)
        script_error(line->file, line->number, column, "expected a number such as 4096, 4K or 0x1000, found %s", text);
    if (value == -2)
        script_error(line->file, line->number, column, "expected a number below 2^53, found %s", text);
    add_token(line, TOKEN_NUMBER, text, column, value);
    return end;
}

/* Cuts a string whose opening quote is at `at`. Returns where it ends. */
static size_t lex_string(Line *line, const char *bytes, size_t at, size_t length)
{
    size_t end = at + 1;
    while (end < length && is_path_char(bytes[end]))
        end++;
    size_t count = end - at - 1;
    if (end == length || bytes[end] != '"' || count < 1 || count > STRING_MAX)
        script_error(line->file, line->number, (int)at + 1,
                     "expected a path of letters, digits, \".\", \"_\", \"-\" and \"/\" in quotes");
    add_token(line, TOKEN_STRING, take_text(bytes + at + 1, count), (int)at + 1, 0);
    return end + 1;
}

void lex_line(Line *line, const char *bytes, size_t length)
{
    size_t at = 0;
    size_t last = 0; /* end of the last word */
    size_t first = length;
    line->count = 0;
    while (at < length && bytes[at] != '#') {
        char c = bytes[at];
        if (c == ' ' || c == '\t') {
            at++;
            continue;
        }
        if (first == length)
            first = at;
        if (is_word_char(c))
            at = lex_word(line, bytes, at, length);
        else if (c == '"')
            at = lex_string(line, bytes, at, length);
        else if (c != 0 && strchr("=(),:+-*|./", c)) {
            add_token(line, TOKEN_PUNCTUATION, take_text(bytes + at, 1), (int)at + 1, 0);
            at++;
        } else
            script_error(line->file, line->number, (int)at + 1, "expected a word, found \"%c\"", c);
        last = at;
    }
    line->text = last > first ? take_text(bytes + first, last - first) : "";
    add_token(line, TOKEN_END, "end of line", (int)last + 1, 0);
}
