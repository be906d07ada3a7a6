#include "sim/sweep_db.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FORMAT "memscape.sweep/1"

enum statement {
	S_GET,
	S_SET,
	S_PLAN,
	S_KNOWN,
	S_PUT,
	S_TIMING,
	S_EACH,
	S_MEAN,
	S_POINT,
	NR_STATEMENTS
};

static const char *const sql[NR_STATEMENTS] = {
	[S_GET] = "SELECT value FROM meta WHERE name = ?1",
	[S_SET] = "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
	[S_PLAN] = "INSERT INTO plan VALUES (?1, ?2, ?3, ?4)",
	[S_KNOWN] = "SELECT status FROM result WHERE key = ?1",
	[S_PUT] = "INSERT OR REPLACE INTO result VALUES (?1, ?2, ?3, ?4)",
	[S_TIMING] = "INSERT OR REPLACE INTO timing VALUES (?1, ?2, ?3)",
	[S_EACH] = "SELECT idx, plan.key, point, axes, status, message, report FROM plan "
		   "LEFT JOIN result ON result.key = plan.key ORDER BY idx",
	[S_POINT] = "SELECT point, axes FROM plan WHERE idx = ?1",
	[S_MEAN] = "SELECT CAST(avg(cpu_ns) AS INTEGER) FROM timing",
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS plan (idx INTEGER PRIMARY KEY, key TEXT NOT NULL,"
	" point TEXT NOT NULL, axes TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS result (key TEXT PRIMARY KEY, status TEXT NOT NULL,"
	" message TEXT NOT NULL, report TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS timing (key TEXT PRIMARY KEY, cpu_ns INTEGER, wall_ns INTEGER);"
	"INSERT OR IGNORE INTO meta VALUES ('format', '" FORMAT "');";

struct sweep_db {
	sqlite3 *db;
	sqlite3_stmt *st[NR_STATEMENTS];
	char *path;
	int lock; /* keeps other sweeps away; -1: not locked */
};

static int db_error(const struct sweep_db *db, struct diag *d)
{
	return diag_set(d, db->path, 0, 0, "%s", sqlite3_errmsg(db->db));
}

/* ---- statements ---- */

/*
 * A statement, ready for new values; NULL: it cannot
 * be prepared (the file holds something else).
 */
static sqlite3_stmt *take(struct sweep_db *db, enum statement s)
{
	if (db->st[s] == NULL &&
	    sqlite3_prepare_v2(db->db, sql[s], -1, &db->st[s], NULL) != SQLITE_OK)
		return NULL;
	sqlite3_reset(db->st[s]);
	sqlite3_clear_bindings(db->st[s]);
	return db->st[s];
}

static void bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text != NULL ? text : "", -1, SQLITE_STATIC);
}

/* Runs one that gives no rows. */
static int finish(struct sweep_db *db, sqlite3_stmt *st, struct diag *d)
{
	int err = sqlite3_step(st) == SQLITE_DONE ? 0 : db_error(db, d);

	sqlite3_reset(st);
	return err;
}

static int run_sql(struct sweep_db *db, const char *text, struct diag *d)
{
	return sqlite3_exec(db->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(db, d);
}

static const char *column(sqlite3_stmt *st, int i)
{
	return (const char *)sqlite3_column_text(st, i);
}

/* ---- opening ---- */

/* A file that is there must be ours, or empty. */
static int check_format(struct sweep_db *db, struct diag *d)
{
	char *format = sweep_db_get(db, "format");
	int err = 0;

	if (format == NULL || strcmp(format, FORMAT) != 0)
		err = diag_set(d, db->path, 0, 0,
			       "holds no results of a sweep, expected a file that 'memscape sweep "
			       "-o' has made");
	free(format);
	return err;
}

static bool is_empty(const struct sweep_db *db)
{
	sqlite3_stmt *st = NULL;
	bool empty = false;

	if (sqlite3_prepare_v2(db->db, "SELECT count(*) FROM sqlite_schema", -1, &st, NULL) ==
	    SQLITE_OK)
		empty = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int64(st, 0) == 0;
	sqlite3_finalize(st);
	return empty;
}

/* SQLite's own locks allow two writers in turn; two sweeps would do the same work twice. */
static int lock_file(struct sweep_db *db, struct diag *d)
{
	db->lock = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (db->lock < 0)
		return diag_set(d, db->path, 0, 0, "cannot be written");
	/* A worker that was just being made may outlive a killed sweep by a moment. */
	for (int tries = 0; tries < 10; tries++) {
		if (flock(db->lock, LOCK_EX | LOCK_NB) == 0)
			return 0;
		usleep(50000);
	}
	return diag_set(d, db->path, 0, 0, "another sweep is writing to it, expected to be alone");
}

static int prepare_file(struct sweep_db *db, bool create, struct diag *d)
{
	int flags = create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;

	if (!create && access(db->path, R_OK) != 0)
		return diag_set(d, db->path, 0, 0, "no such file, expected results of a sweep");
	if (create && lock_file(db, d) != 0)
		return -1;
	if (sqlite3_open_v2(db->path, &db->db, flags, NULL) != SQLITE_OK &&
	    (create || sqlite3_close(db->db) != SQLITE_OK ||
	     sqlite3_open_v2(db->path, &db->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK))
		return db_error(db, d);
	sqlite3_busy_timeout(db->db, 10000);
	if (!create || !is_empty(db))
		return check_format(db, d);
	return run_sql(db, "BEGIN IMMEDIATE", d) != 0 || run_sql(db, schema, d) != 0 ||
			       run_sql(db, "COMMIT", d) != 0
		       ? -1
		       : 0;
}

struct sweep_db *sweep_db_open(const char *path, bool create, struct diag *d)
{
	struct sweep_db *db = calloc(1, sizeof *db);

	if (db == NULL) {
		diag_set(d, path, 0, 0, "out of host memory");
		return NULL;
	}
	db->lock = -1;
	db->path = strdup(path);
	if (db->path != NULL && prepare_file(db, create, d) == 0 &&
	    (!create || run_sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", d) == 0))
		return db;
	sweep_db_close(db);
	return NULL;
}

void sweep_db_close(struct sweep_db *db)
{
	if (db == NULL)
		return;
	for (unsigned i = 0; i < NR_STATEMENTS; i++)
		sqlite3_finalize(db->st[i]);
	sqlite3_close(db->db);
	/* Last: closing any descriptor of a file gives up SQLite's locks on it. */
	if (db->lock >= 0)
		close(db->lock);
	free(db->path);
	free(db);
}

/* ---- meta ---- */

char *sweep_db_get(struct sweep_db *db, const char *name)
{
	sqlite3_stmt *st = take(db, S_GET);
	char *value = NULL;

	if (st == NULL)
		return NULL;
	bind_text(st, 1, name);
	if (sqlite3_step(st) == SQLITE_ROW)
		value = strdup(column(st, 0));
	sqlite3_reset(st);
	return value;
}

int sweep_db_set(struct sweep_db *db, const char *name, const char *value, struct diag *d)
{
	sqlite3_stmt *st = take(db, S_SET);

	if (st == NULL)
		return db_error(db, d);
	bind_text(st, 1, name);
	bind_text(st, 2, value);
	return finish(db, st, d);
}

/* ---- plan ---- */

int sweep_db_plan_begin(struct sweep_db *db, struct diag *d)
{
	return run_sql(db, "BEGIN IMMEDIATE; DELETE FROM plan", d);
}

int sweep_db_plan_add(struct sweep_db *db, const struct sweep_row *row, struct diag *d)
{
	sqlite3_stmt *st = take(db, S_PLAN);

	if (st == NULL)
		return db_error(db, d);
	sqlite3_bind_int64(st, 1, (sqlite3_int64)row->index);
	bind_text(st, 2, row->key);
	bind_text(st, 3, row->point);
	bind_text(st, 4, row->axes);
	return finish(db, st, d);
}

int sweep_db_plan_end(struct sweep_db *db, struct diag *d)
{
	return run_sql(db, "COMMIT", d);
}

/* ---- results ---- */

/* Would the point end so again?  Crashes, errors and time are also the host's doing. */
static bool is_for_good(const char *status)
{
	return strcmp(status, "ok") == 0 || strcmp(status, "limit") == 0 ||
	       strcmp(status, "fault") == 0;
}

bool sweep_db_known(struct sweep_db *db, const char *key, bool retry)
{
	sqlite3_stmt *st = take(db, S_KNOWN);
	bool known = false;

	if (st == NULL)
		return false;
	bind_text(st, 1, key);
	if (sqlite3_step(st) == SQLITE_ROW)
		known = !retry || is_for_good(column(st, 0));
	sqlite3_reset(st);
	return known;
}

int sweep_db_put(struct sweep_db *db, const struct sweep_row *row, uint64_t cpu_ns,
		 uint64_t wall_ns, struct diag *d)
{
	sqlite3_stmt *st = take(db, S_PUT), *timing = take(db, S_TIMING);

	if (st == NULL || timing == NULL)
		return db_error(db, d);
	if (run_sql(db, "BEGIN IMMEDIATE", d) != 0)
		return -1;
	bind_text(st, 1, row->key);
	bind_text(st, 2, row->status);
	bind_text(st, 3, row->message);
	bind_text(st, 4, row->report);
	bind_text(timing, 1, row->key);
	sqlite3_bind_int64(timing, 2, (sqlite3_int64)cpu_ns);
	sqlite3_bind_int64(timing, 3, (sqlite3_int64)wall_ns);
	if (finish(db, st, d) == 0 && finish(db, timing, d) == 0 && run_sql(db, "COMMIT", d) == 0)
		return 0;
	sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

int sweep_db_each(struct sweep_db *db, int (*fn)(void *ctx, const struct sweep_row *row), void *ctx,
		  struct diag *d)
{
	sqlite3_stmt *st = take(db, S_EACH);
	int step, err = 0;

	if (st == NULL)
		return db_error(db, d);
	while (err == 0 && (step = sqlite3_step(st)) != SQLITE_DONE) {
		struct sweep_row row;

		if (step != SQLITE_ROW) {
			err = db_error(db, d);
			break;
		}
		row = (struct sweep_row){(uint64_t)sqlite3_column_int64(st, 0),
					 column(st, 1),
					 column(st, 2),
					 column(st, 3),
					 column(st, 4),
					 column(st, 5),
					 column(st, 6)};
		err = fn(ctx, &row);
	}
	sqlite3_reset(st);
	return err;
}

char *sweep_db_point(struct sweep_db *db, uint64_t index, char **axes)
{
	sqlite3_stmt *st = take(db, S_POINT);
	char *point = NULL;

	*axes = NULL;
	if (st == NULL)
		return NULL;
	sqlite3_bind_int64(st, 1, (sqlite3_int64)index);
	if (sqlite3_step(st) == SQLITE_ROW) {
		point = strdup(column(st, 0));
		*axes = strdup(column(st, 1));
	}
	sqlite3_reset(st);
	return point;
}

uint64_t sweep_db_mean_cpu(struct sweep_db *db)
{
	sqlite3_stmt *st = take(db, S_MEAN);
	uint64_t mean = 0;

	if (st != NULL && sqlite3_step(st) == SQLITE_ROW)
		mean = (uint64_t)sqlite3_column_int64(st, 0);
	if (st != NULL)
		sqlite3_reset(st);
	return mean;
}

/* ---- merging ---- */

/* Both or neither. */
static int same_meta(struct sweep_db *db, struct sweep_db *other, const char *name,
		     const char *what, struct diag *d)
{
	char *mine = sweep_db_get(db, name), *theirs = sweep_db_get(other, name);
	int err = 0;

	if (mine == NULL)
		err = theirs != NULL ? sweep_db_set(db, name, theirs, d) : 0;
	else if (theirs == NULL || strcmp(mine, theirs) != 0)
		err = diag_set(d, other->path, 0, 0,
			       "%s differs from the first file's, expected shards of one sweep by "
			       "one program",
			       what);
	free(mine);
	free(theirs);
	return err;
}

/* The first point that both have with different results. */
static int contradiction(struct sweep_db *db, const char *path, struct diag *d)
{
	static const char query[] =
		"SELECT coalesce((SELECT point FROM plan WHERE plan.key = a.key), a.key), a.status,"
		" b.status FROM main.result a JOIN other.result b ON a.key = b.key WHERE"
		" a.status <> b.status OR a.message <> b.message OR a.report <> b.report"
		" ORDER BY 1 LIMIT 1";
	sqlite3_stmt *st = NULL;
	int err = 0;

	if (sqlite3_prepare_v2(db->db, query, -1, &st, NULL) != SQLITE_OK)
		return db_error(db, d);
	if (sqlite3_step(st) == SQLITE_ROW)
		err = diag_set(d, path, 0, 0,
			       "contradicts the files before it on the point '%s' (%s there, %s "
			       "here), expected equal results",
			       column(st, 0), column(st, 1), column(st, 2));
	sqlite3_finalize(st);
	return err;
}

static int copy_rows(struct sweep_db *db, const char *path, struct diag *d)
{
	if (contradiction(db, path, d) != 0)
		return -1;
	return run_sql(db,
		       "INSERT OR IGNORE INTO main.plan SELECT * FROM other.plan;"
		       "INSERT OR IGNORE INTO main.result SELECT * FROM other.result;"
		       "INSERT OR IGNORE INTO main.timing SELECT * FROM other.timing;",
		       d);
}

static int attach(struct sweep_db *db, const char *path, struct diag *d)
{
	char *text = sqlite3_mprintf("ATTACH %Q AS other", path);
	int err = text != NULL ? run_sql(db, text, d) : diag_set(d, path, 0, 0, "out of memory");

	sqlite3_free(text);
	return err;
}

int sweep_db_merge(struct sweep_db *db, const char *path, struct diag *d)
{
	struct sweep_db *other = sweep_db_open(path, false, d);
	int err;

	if (other == NULL)
		return -1;
	err = same_meta(db, other, "program", "the program", d);
	if (err == 0)
		err = same_meta(db, other, "sweep", "the sweep", d);
	if (err == 0)
		err = same_meta(db, other, "plan", "the list of points", d);
	sweep_db_close(other);
	if (err != 0 || attach(db, path, d) != 0)
		return -1;
	err = run_sql(db, "BEGIN IMMEDIATE", d);
	if (err == 0 && copy_rows(db, path, d) == 0)
		err = run_sql(db, "COMMIT", d);
	else
		err = -1;
	if (err != 0)
		sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_exec(db->db, "DETACH other", NULL, NULL, NULL);
	return err;
}
