#include "loop/loop.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"

struct watch {
	uv_signal_t handle;
	loop_signal_fn *fn;
	void *arg;
};

static void
on_signal(uv_signal_t *handle, int signum)
{
	struct watch *w = handle->data;

	w->fn(w->arg, signum);
}

static void
free_watch(uv_handle_t *handle)
{
	free(handle->data);
}

int
loop_on_signal(uv_loop_t *loop, int signum, loop_signal_fn *fn, void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return -ENOMEM;
	w->fn = fn;
	w->arg = arg;
	uv_signal_init(loop, &w->handle);
	w->handle.data = w;
	rc = uv_signal_start(&w->handle, on_signal, signum);
	uv_unref((uv_handle_t *)&w->handle);
	return rc;
}

void
loop_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "\n", 1) != 1 && errno == EPIPE)
		errno = 0; /* nobody waits any more: no reason not to serve */
	close(fd);
}

int
loop_drop_privileges(const char *user)
{
	const struct passwd *pw;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (user == NULL || geteuid() != 0)
		return 0;
	errno = 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return errno != 0 ? -errno : -ENOENT;
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return -errno;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (uv_is_closing(handle))
		return;
	uv_close(handle, handle->type == UV_SIGNAL ? free_watch : NULL);
}

void
loop_finish(uv_loop_t *loop)
{
	uv_walk(loop, close_handle, NULL);
	while (uv_run(loop, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(loop);
}

static void
on_timer(uv_timer_t *timer)
{
	struct loop_driver *d = timer->data;
	uint64_t now = clock_now_us();

	d->ops->timeout(d->object, now);
	loop_driver_settle(d, now);
}

void
loop_driver_init(struct loop_driver *d, uv_loop_t *loop, const struct loop_driver_ops *ops,
		 void *object)
{
	uv_timer_init(loop, &d->timer);
	d->timer.data = d;
	d->ops = ops;
	d->object = object;
}

void
loop_driver_settle(struct loop_driver *d, uint64_t now_us)
{
	uint64_t at;

	d->ops->flush(d->object, now_us);
	if (uv_is_closing((uv_handle_t *)&d->timer))
		return;
	at = d->ops->deadline(d->object, now_us);
	if (at == CLOCK_NEVER) {
		uv_timer_stop(&d->timer);
		return;
	}
	uv_update_time(d->timer.loop);
	uv_timer_start(&d->timer, on_timer, at > now_us ? (at - now_us + 999) / 1000 : 0, 0);
}

void
loop_driver_close(struct loop_driver *d, uv_close_cb closed)
{
	if (!uv_is_closing((uv_handle_t *)&d->timer))
		uv_close((uv_handle_t *)&d->timer, closed);
}
