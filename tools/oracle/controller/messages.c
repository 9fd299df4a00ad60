/*
 * The kernel's messages since the script began, as `show dmesg` prints them: without times, and with the names of the script's tasks in
 * place of their pids. docs/script.md, section 10.
 */
#include "base.h"
#include "run.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest record that /dev/kmsg gives at once. */
#define RECORD_BYTES 8192

/* Words after which the kernel writes a pid. */
static const char *const PID_WORDS[] = {"process ", "victim ", "pid=", "PID: ", "pid:", NULL};

void skip_messages(const Run *run)
{
    if (run->world->messages >= 0)
        lseek(run->world->messages, 0, SEEK_END);
}

/* Writes a number that may be a pid, with the name of the task in its place, as wide as it was. Returns what follows it. */
static const char *print_pid(Run *run, const char *at)
{
    size_t blanks = strspn(at, " ");
    size_t digits = strspn(at + blanks, "0123456789");
    const Task *task = digits > 0 ? task_with_id(&run->tasks, (pid_t)strtol(at, NULL, 10)) : NULL;
    if (task)
        printf("%*s", (int)(blanks > 0 ? blanks + digits : 0), task->name);
    else
        printf("%.*s", (int)(blanks + digits), at);
    return at + blanks + digits;
}

/* Prints a row of the table of tasks: [    pid]   uid  tgid ... */
static void print_row(Run *run, const char *line)
{
    printf("[");
    line = print_pid(run, line + 1);
    size_t to_tgid = strcspn(line, " ");
    to_tgid += strspn(line + to_tgid, " ");
    to_tgid += strcspn(line + to_tgid, " ");
    printf("%.*s", (int)to_tgid, line);
    line = print_pid(run, line + to_tgid);
    printf("%s\n", line);
}

/* Prints a line of a message. */
static void print_line(Run *run, const char *line)
{
    size_t blanks = line[0] == '[' ? strspn(line + 1, " ") : 0;
    printf("| ");
    if (line[0] == '[' && isdigit((unsigned char)line[1 + blanks])) {
        print_row(run, line);
        return;
    }
    while (*line) {
        size_t length = 0;
        for (int i = 0; PID_WORDS[i] && length == 0; i++)
            if (strncmp(line, PID_WORDS[i], strlen(PID_WORDS[i])) == 0)
                length = strlen(PID_WORDS[i]);
        if (length == 0 || !isdigit((unsigned char)line[length])) {
            putchar(*line++);
            continue;
        }
        printf("%.*s", (int)length, line);
        line = print_pid(run, line + length);
    }
    printf("\n");
}

/* Turns \xNN of a record back into bytes, in place. */
static void unescape(char *text)
{
    char *to = text;
    for (; *text; to++) {
        unsigned value;
        if (text[0] == '\\' && text[1] == 'x' && sscanf(text + 2, "%2x", &value) == 1) {
            *to = (char)value;
            text += 4;
        } else
            *to = *text++;
    }
    *to = 0;
}

void print_messages(Run *run)
{
    static char record[RECORD_BYTES + 1];
    ssize_t length;
    while (run->world->messages >= 0 && (length = read(run->world->messages, record, RECORD_BYTES)) > 0) {
        record[length] = 0;
        char *text = strchr(record, ';');
        if (text == NULL)
            continue;
        text[strcspn(text, "\n")] = 0;
        unescape(++text);
        for (char *line; (line = strsep(&text, "\n"));)
            print_line(run, line);
    }
}
