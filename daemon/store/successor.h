/* successor.h: a broker that takes over from another one, for their keeper. */
#ifndef SUCCESSOR_H
#define SUCCESSOR_H

#include <stdbool.h>

struct keeper;

/* The broker has asked for it by an order, which is answered, once no other one is left. */
void successor_start(struct keeper *keeper);

/* The broker serves clients: it needs no other. */
void successor_serves(struct keeper *keeper);

/* The broker has died, and none goes on: what it had begun to give to another one is of no use. */
void successor_give_up(struct keeper *keeper);

/* keeper->other has died. */
void successor_other_died(struct keeper *keeper);

/* The broker has died before it served clients, and left what it was sent: the one before it goes on. False: there is none. */
bool successor_go_back(struct keeper *keeper);

#endif
