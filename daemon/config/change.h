/* change.h: what a reload does not change. */
#ifndef CHANGE_H
#define CHANGE_H

struct config;
struct remarks;

/* Remarks on each key whose value now differs from the one that the broker was started with, and that only the next start changes. */
void changes_remark(const struct config *started, const struct config *now, struct remarks *remarks);

#endif
