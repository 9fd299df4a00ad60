/*
 * pressure.c: what areas for swap on zram devices hold.
 */
#ifndef ZRAM_H
#define ZRAM_H

#include "run.h"

/* Prints the statistics of the script's zram devices. */
void print_zram(Run *run);

#endif
