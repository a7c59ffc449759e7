/*
 * loop.h - what every program does around its uv loop: signals, readiness, privileges, and the one
 * place where a sans-IO object meets a timer.
 */
#ifndef RTCKIT_LOOP_LOOP_H
#define RTCKIT_LOOP_LOOP_H

#include <stdint.h>
#include <uv.h>

/* Watch a signal for the life of the loop. The handle does not keep the loop alive. Copies fn and
 * arg. 0 or -errno. */
typedef void loop_signal_fn(void *arg, int signum);
int loop_on_signal(uv_loop_t *loop, int signum, loop_signal_fn *fn, void *arg);

/* Tell the supervisor that this program serves: a newline on fd, which is then closed. fd < 0:
 * none. */
void loop_ready(int fd);

/*
 * After sockets are taken: become `user` (its groups, no supplementary ones) if the process is root
 * and user is not NULL. Also forbids new privileges and core dumps of secrets. 0 or -errno.
 */
int loop_drop_privileges(const char *user);

/* Close every handle that is still open and run their close callbacks; then uv_loop_close. */
void loop_finish(uv_loop_t *loop);

/*
 * A sans-IO object on the loop. After any mutation the owner calls loop_driver_settle(): flush()
 * drains the object's poll verb until it says nothing is left, then one timer is armed at
 * deadline(). When it fires: timeout(), then settle again.
 */
struct loop_driver_ops {
	void (*timeout)(void *object, uint64_t now_us);
	uint64_t (*deadline)(void *object, uint64_t now_us); /* CLOCK_NEVER: none */
	void (*flush)(void *object, uint64_t now_us);
};
struct loop_driver {
	uv_timer_t timer;
	const struct loop_driver_ops *ops;
	void *object;
};
void loop_driver_init(struct loop_driver *d, uv_loop_t *loop, const struct loop_driver_ops *ops,
		      void *object);
void loop_driver_settle(struct loop_driver *d, uint64_t now_us);
/* Stops the timer; closed() may be NULL. The driver's storage must live until closed() was called.
 */
void loop_driver_close(struct loop_driver *d, uv_close_cb closed);

#endif
