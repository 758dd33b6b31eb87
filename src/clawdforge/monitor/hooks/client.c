/* clawdforge-hook: tells the monitor what an agent's hook or status line says.
 *
 *   clawdforge-hook                        a hook: reads its JSON on stdin, prints nothing
 *   clawdforge-hook --status-line          a status line: prints one of its own, too
 *   clawdforge-hook --status-line COMMAND  the same, and COMMAND prints it, with the JSON on stdin
 *   clawdforge-hook --approve [--wait SECS] [--subagents SECS] [--headless]
 *                                          a PermissionRequest hook: waits for somebody's answer,
 *                                          and prints the decision; without one it prints nothing
 *   clawdforge-hook --bar [SHAPE]          a line for a status bar: how many work, wait, and cost;
 *                                          core/observed/figures.py says how SHAPE is read
 *
 * It exits 0 whatever happens (a COMMAND's own code aside), prints nothing where the agent would
 * read it, and lets no monitor hold it up for longer than SEND_MS. Without a monitor the line is kept in a file that
 * the next one reads. Long texts are cut, so that megabytes become what the monitor uses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    SEND_MS = 60,             /* of waiting for the monitor, at most */
    PAYLOAD_MS = 1500,        /* of waiting for the payload: the agent may be too busy to write it */
    BACKSTOP_SECS = 3,        /* for all; a machine too busy to run us must not lose the line */
    MAX_STRING = 2048,        /* bytes of a text; the monitor shows less */
    MAX_VALUE = 32 * 1024,    /* bytes of a value of the payload */
    MAX_SHOWN_STRING = 64 * 1024,   /* the same of what somebody has to see before saying yes */
    MAX_SHOWN_VALUE = 256 * 1024,
    MAX_LINE = 512 * 1024,    /* the monitor takes 1 MiB */
    MAX_DEPTH = 64,
    MAX_SPOOL = 8 * 1024 * 1024,
    MAX_PARENTS = 15,
    ROOM = 4096,              /* for what is added to the payload */
    CONNECT_MS = 2000,        /* of waiting for the monitor that is to find an answer */
    WAIT_SECS = 590,          /* of waiting for the answer, when nobody says how long */
    MAX_WAIT_SECS = 86400,
    BAR_MS = 100,             /* of waiting for the monitor's figures */
    BAR_SECS = 1,             /* for all of it */
    MAX_FACTS = 64 * 1024,    /* bytes of what it says about itself */
    MAX_BAR = 1024,           /* bytes of the line */
    MAX_SHAPE_DEPTH = 8,
};

/* --- the payload, cut ------------------------------------------------------------------------ */

struct cut {
    char *out;                /* what is kept */
    size_t size;
    int depth;
    int in_string, in_escape, unicode_left, high_half;
    size_t string_bytes;
    size_t string_left_out;   /* bytes of it */
    int string_is_cut;
    size_t max_string, max_value;
    int marks;                /* where something was cut, say so */
    int is_cut;
    size_t value_at;          /* where the value of a top-level key begins in `out`; 0: in none */
    int skipping;             /* that value is too long: it became null */
    int expects_key;
    char key[2][32];          /* the key that is read or was read last, at depth 1 and 2 */
    size_t key_size;
    int reads_key;
    int is_hook, failed;
    char unit[4];             /* hexadecimal digits of an escape */
    char model[64], used[24], cost[24];   /* for a status line of our own */
    char *captured;
    size_t captured_room;
};

static void keep(struct cut *c, char byte) {
    if (c->skipping)
        return;
    if (c->size >= MAX_LINE - ROOM) {
        c->failed = c->value_at == 0;
        if (c->value_at == 0)
            return;
    } else {
        c->out[c->size++] = byte;
    }
    if (c->value_at && (c->size - c->value_at > c->max_value || c->size >= MAX_LINE - ROOM)) {
        c->is_cut = 1;
        c->size = c->value_at;
        memcpy(c->out + c->size, "null", 4);
        c->size += 4;
        c->skipping = 1;
    }
}

static void capture(struct cut *c, char byte) {
    size_t used = c->captured ? strlen(c->captured) : 0;
    if (c->captured && used + 1 < c->captured_room)
        c->captured[used] = byte;
}

static void value_begins(struct cut *c) {
    if (c->depth == 1) {
        c->value_at = c->size;
        c->is_hook |= strcmp(c->key[0], "hook_event_name") == 0;
    }
    c->captured = NULL;
    if (c->depth == 2 && strcmp(c->key[0], "model") == 0 && strcmp(c->key[1], "display_name") == 0)
        c->captured = c->model, c->captured_room = sizeof c->model;
    if (c->depth == 2 && strcmp(c->key[1], "used_percentage") == 0
        && strcmp(c->key[0], "context_window") == 0)
        c->captured = c->used, c->captured_room = sizeof c->used;
    if (c->depth == 2 && strcmp(c->key[1], "total_cost_usd") == 0)
        c->captured = c->cost, c->captured_room = sizeof c->cost;
}

static void value_ends(struct cut *c) {
    c->captured = NULL;
    if (c->depth == 1) {
        c->value_at = 0;
        c->skipping = 0;
    }
}

static void mark(struct cut *c) {
    char text[64];
    snprintf(text, sizeof text, " \xE2\x80\xA6 [%zu bytes more]", c->string_left_out);
    for (const char *p = text; *p; p++)
        keep(c, *p);
}

static void in_string(struct cut *c, char byte) {
    int boundary = !c->in_escape && !c->unicode_left && !c->high_half
                   && ((unsigned char)byte & 0xC0) != 0x80;
    if (boundary && byte == '"') {
        c->in_string = 0;
        if (c->reads_key && c->depth <= 2)
            c->key[c->depth - 1][c->key_size] = 0;
        c->reads_key = 0;
        if (c->string_is_cut && c->marks)
            mark(c);
        keep(c, byte);
        return;
    }
    if (boundary && c->string_bytes >= c->max_string)
        c->string_is_cut = c->is_cut = 1;
    if (c->unicode_left) {
        c->unit[4 - c->unicode_left--] = byte;
        if (!c->unicode_left) {
            int high = (c->unit[0] == 'd' || c->unit[0] == 'D')
                       && strchr("89abAB", c->unit[1]) != NULL;
            c->high_half = high && !c->high_half;
        }
    } else if (c->in_escape) {
        c->in_escape = 0;
        if (byte == 'u')
            c->unicode_left = 4;
        else
            c->high_half = 0;
    } else if (byte == '\\') {
        c->in_escape = 1;
    } else {
        c->high_half = 0;
        if (byte == '"') {   /* a half of a pair stood alone before the end */
            in_string(c, byte);
            return;
        }
    }
    if (c->reads_key && c->depth <= 2 && c->key_size + 1 < sizeof c->key[0])
        c->key[c->depth - 1][c->key_size++] = byte;
    if (!c->reads_key && !c->string_is_cut)
        capture(c, byte);
    if (!c->string_is_cut) {
        c->string_bytes++;
        keep(c, byte);
    } else {
        c->string_left_out++;
    }
}

static void take(struct cut *c, char byte) {
    if (c->in_string) {
        in_string(c, byte);
        return;
    }
    switch (byte) {
    case ' ': case '\t': case '\r': case '\n':
        return;
    case '"':
        c->in_string = 1;
        c->string_bytes = 0;
        c->string_left_out = 0;
        c->string_is_cut = 0;
        c->reads_key = c->expects_key;
        c->expects_key = 0;
        c->key_size = 0;
        keep(c, byte);
        return;
    case ':':
        keep(c, byte);
        value_begins(c);
        return;
    case '{': case '[':
        if (++c->depth > MAX_DEPTH)
            c->failed = 1;
        keep(c, byte);
        c->expects_key = byte == '{';
        if (c->depth <= 2)
            c->key[c->depth - 1][0] = 0;
        return;
    case '}': case ']':
        if (c->depth <= 1)
            value_ends(c);
        if (--c->depth < 0)
            c->failed = 1;
        keep(c, byte);
        c->expects_key = 0;
        return;
    case ',':
        value_ends(c);
        keep(c, byte);
        /* Within a list the next text is no key, but it is only kept as one: no harm. */
        c->expects_key = c->depth <= 2;
        return;
    default:
        keep(c, byte);
        capture(c, byte);
    }
}

static struct timespec in_ms(long ms) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += ms * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    return at;
}

static long left_ms(const struct timespec *until) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long ms = (until->tv_sec - now.tv_sec) * 1000 + (until->tv_nsec - now.tv_nsec) / 1000000;
    return ms > 0 ? ms : 0;
}

static int read_payload(struct cut *c, FILE *copy) {
    static char block[64 * 1024];
    size_t all = 0;
    struct timespec until = in_ms(PAYLOAD_MS);
    for (;;) {
        struct pollfd wait = {.fd = 0, .events = POLLIN};
        if (poll(&wait, 1, (int)left_ms(&until)) == 0)
            return 0;   /* whoever writes it does not go on */
        ssize_t got = read(0, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        if (copy)
            fwrite(block, 1, (size_t)got, copy);
        for (ssize_t i = 0; i < got && !c->failed; i++)
            take(c, block[i]);
        all += (size_t)got;
    }
    return all > 0 && !c->failed && c->depth == 0 && !c->in_string && c->size >= 2
           && c->out[0] == '{' && c->out[c->size - 1] == '}';
}

/* --- what is added --------------------------------------------------------------------------- */

static long claude_pid(void) {
    const char *named = getenv("CLAUDE_PID");
    if (named && atol(named) > 0)
        return atol(named);
    long pid = (long)getppid();
    for (int i = 0; i < MAX_PARENTS && pid > 1; i++) {   /* the nearest: agents may be nested */
        char path[64], line[512];
        snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return 0;
        ssize_t got = read(fd, line, sizeof line - 1);
        close(fd);
        if (got <= 0)
            return 0;
        line[got] = 0;
        char *begin = strchr(line, '('), *end = strrchr(line, ')');
        if (!begin || !end)
            return 0;
        if (end - begin == 7 && memcmp(begin + 1, "claude", 6) == 0)
            return pid;
        pid = 0;
        sscanf(end + 1, " %*c %ld", &pid);
    }
    return 0;
}

static size_t add_text(char *at, size_t room, const char *name, const char *text) {
    if (!text || !*text || strlen(text) > 200)
        return 0;
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7E || *p == '"' || *p == '\\')
            return 0;
    int size = snprintf(at, room, ",\"%s\":\"%s\"", name, text);
    return size > 0 && (size_t)size < room ? (size_t)size : 0;
}

static size_t finish(struct cut *c, char *line, long wait_secs, long subagent_secs) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const char *type = wait_secs ? "approval_request" : c->is_hook ? "hook_event" : "status_update";
    size_t size = (size_t)sprintf(
        line, "{\"protocol_version\":{\"major\":1,\"minor\":0},\"type\":\"%s\",\"data\":", type);
    int is_empty = c->size == 2;
    memcpy(line + size, c->out, c->size - 1);
    size += c->size - 1;
    size += (size_t)sprintf(line + size, "%s\"sent_at\":%lld.%03ld", is_empty ? "" : ",",
                            (long long)now.tv_sec, now.tv_nsec / 1000000);
    long pid = claude_pid();
    if (pid > 0)
        size += (size_t)sprintf(line + size, ",\"pid\":%ld", pid);
    size += add_text(line + size, 512, "tmux_pane", getenv("TMUX_PANE"));
    size += add_text(line + size, 512, "entrypoint", getenv("CLAUDE_CODE_ENTRYPOINT"));
    size += add_text(line + size, 512, "job", getenv("CLAUDE_JOB_DIR"));
    if (subagent_secs)
        size += (size_t)sprintf(line + size, ",\"subagent_secs\":%ld", subagent_secs);
    if (wait_secs)
        size += (size_t)sprintf(line + size, ",\"wait_secs\":%ld%s", wait_secs,
                                c->is_cut ? ",\"cut\":true" : "");
    memcpy(line + size, "}}\n", 3);
    return size + 3;
}

/* --- the monitor, or the file for the next one ------------------------------------------------ */

static int send_all(int fd, const char *data, size_t size, const struct timespec *until) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
            continue;
        }
        if (sent < 0 && errno == EINTR)
            continue;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (errno != EAGAIN || poll(&wait, 1, (int)left_ms(until)) <= 0)
            return 0;
    }
    return 1;
}

/* Whoever is first may listen at a path that all may write to: prompts are told, and permissions
 * taken, only from ourselves and the system. */
static int is_ours(int fd) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0
           && (peer.uid == geteuid() || peer.uid == 0);
}

static int connected(const struct timespec *until) {
    const char *path = getenv("ATM_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || !*path)
        path = "/tmp/atm.sock";
    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    while (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        struct timespec pause = {.tv_nsec = 2000000};
        if ((errno != EAGAIN && errno != EINTR) || !left_ms(until)) {
            close(fd);
            return -1;
        }
        nanosleep(&pause, NULL);   /* its backlog is full */
    }
    if (!is_ours(fd)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int greet_and_send(int fd, const char *line, size_t size, const struct timespec *until) {
    char hello[160];
    int greeted = snprintf(hello, sizeof hello,
                           "{\"protocol_version\":{\"major\":1,\"minor\":0},\"type\":\"connect\","
                           "\"client_id\":\"hook-%ld\"}\n", (long)getpid());
    return send_all(fd, hello, (size_t)greeted, until) && send_all(fd, line, size, until);
}

static int tell(const char *line, size_t size) {
    struct timespec until = in_ms(SEND_MS);
    int fd = connected(&until);
    if (fd < 0)
        return 0;
    int done = greet_and_send(fd, line, size, &until);
    close(fd);
    return done;
}

static int make_folders(char *path) {
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            int failed = mkdir(path, 0700) != 0 && errno != EEXIST;
            *p = '/';
            if (failed)
                return 0;
        }
    return 1;
}

static void spool(const char *line, size_t size) {
    char path[4096];
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int written;
    if (state && state[0] == '/')
        written = snprintf(path, sizeof path, "%s/atm/spool/hooks.jsonl", state);
    else if (home && home[0] == '/')
        written = snprintf(path, sizeof path, "%s/.local/state/atm/spool/hooks.jsonl", home);
    else
        written = snprintf(path, sizeof path, "/tmp/atm/spool/hooks.jsonl");
    if (written <= 0 || (size_t)written >= sizeof path || !make_folders(path))
        return;
    for (int attempt = 0; attempt < 3; attempt++) {
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return;
        struct stat mine, there;
        /* The lock says that nobody takes the file away; whoever takes it renames it first. */
        int held = flock(fd, LOCK_EX) == 0 && fstat(fd, &mine) == 0 && S_ISREG(mine.st_mode)
                   && stat(path, &there) == 0 && mine.st_ino == there.st_ino;
        if (held && mine.st_size + (off_t)size <= MAX_SPOOL) {
            ssize_t kept = write(fd, line, size);
            if (kept >= 0 && (size_t)kept < size && ftruncate(fd, mine.st_size) != 0) {
                /* a full disk: half a line is left, which whoever reads it skips */
            }
        }
        close(fd);
        if (held)
            return;
    }
}

/* --- the forms ------------------------------------------------------------------------------- */

static void out_of_time(int signal) {
    (void)signal;
    _exit(0);
}

static void limit_time(unsigned secs) {
    signal(SIGALRM, out_of_time);
    alarm(secs);
}

static struct cut *begin(size_t max_string, size_t max_value) {
    struct cut *c = calloc(1, sizeof *c);
    if (!c || !(c->out = malloc(MAX_LINE + ROOM)))
        return NULL;
    c->max_string = max_string;
    c->max_value = max_value;
    return c;
}

static void report(struct cut *c) {
    char *line = malloc(MAX_LINE + ROOM);
    if (!line)
        return;
    size_t size = finish(c, line, 0, 0);
    if (!tell(line, size))
        spool(line, size);
}

static void print_own(struct cut *c) {
    char text[160] = "";
    if (c->model[0] && !strchr(c->model, '\\'))
        snprintf(text, sizeof text, "%s", c->model);
    size_t size = strlen(text);
    if (c->used[0] && c->used[0] != 'n')
        size += (size_t)snprintf(text + size, sizeof text - size, "%scontext %.0f%%",
                                 size ? " · " : "", atof(c->used));
    if (c->cost[0] && c->cost[0] != 'n')
        snprintf(text + size, sizeof text - size, "%s$%.2f", size ? " · " : "", atof(c->cost));
    puts(text);
}

static int status_line(char **command) {
    struct cut *c = begin(MAX_STRING, MAX_VALUE);
    FILE *copy = command ? tmpfile() : NULL;
    if (!c)
        return 0;
    int whole = read_payload(c, copy);
    fflush(NULL);
    pid_t child = whole ? fork() : -1;
    if (child == 0) {
        /* Whoever waits for the status line waits for all that have its output open. */
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        setsid();
        limit_time(BACKSTOP_SECS);
        report(c);
        _exit(0);
    }
    if (!command) {
        if (whole)
            print_own(c);
        return 0;
    }
    if (copy) {
        lseek(fileno(copy), 0, SEEK_SET);
        dup2(fileno(copy), 0);
    }
    if (command[1])
        execvp(command[0], command);
    else
        execl("/bin/sh", "sh", "-c", command[0], (char *)NULL);
    return 127;
}

/* An approval: the agent's own dialog goes on meanwhile, and whoever answers first wins. The agent
 * ends us by SIGTERM when it was answered there. Whatever is not exactly an answer is none. */

static volatile int asking = -1;
static const char WITHDRAWN[] =
    "{\"protocol_version\":{\"major\":1,\"minor\":0},\"type\":\"approval_withdrawn\"}\n";
static const char TAKEN[] =
    "{\"protocol_version\":{\"major\":1,\"minor\":0},\"type\":\"approval_taken\"}\n";
static const char ANSWER[] = "{\"type\":\"approval_answer\",";
static const char OUTPUT[] = ",\"output\":";
static const char DECISION[] = "{\"hookSpecificOutput\":{\"hookEventName\":\"PermissionRequest\","
                               "\"decision\":{\"behavior\":\"";

static void answered_elsewhere(int signal) {
    (void)signal;
    if (asking >= 0)
        send(asking, WITHDRAWN, sizeof WITHDRAWN - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    _exit(0);
}

static int begins(const char *text, size_t size, const char *with) {
    return size >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static int is_whole(const char *text, size_t size) {
    int depth = 0, quoted = 0;
    for (size_t i = 0; i < size; i++) {
        if (quoted) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                quoted = 0;
        } else if (text[i] == '"') {
            quoted = 1;
        } else if (text[i] == '{' || text[i] == '[') {
            depth++;
        } else if ((text[i] == '}' || text[i] == ']') && --depth == 0) {
            return i + 1 == size;
        }
    }
    return 0;
}

static void give(const char *line, size_t size) {
    const char *output = memmem(line, size, OUTPUT, strlen(OUTPUT));
    if (!output || line[size - 1] != '}')
        return;
    output += strlen(OUTPUT);
    size -= (size_t)(output - line) + 1;
    if (!begins(output, size, DECISION) || !is_whole(output, size))
        return;
    const char *behavior = output + strlen(DECISION);
    size_t rest = size - strlen(DECISION);
    if (!begins(behavior, rest, "allow\"") && !begins(behavior, rest, "deny\""))
        return;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM), sigaddset(&ends, SIGINT), sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    while (size) {
        ssize_t written = write(1, output, size);
        if (written <= 0)
            return;
        output += written;
        size -= (size_t)written;
    }
    struct timespec until = in_ms(CONNECT_MS);
    send_all(asking, TAKEN, sizeof TAKEN - 1, &until);
}

/* Whether to go on waiting after this line. */
static int heard(const char *line, size_t size) {
    if (begins(line, size, ANSWER)) {
        give(line, size);
        return 0;
    }
    return begins(line, size, "{\"type\":\"connected\"")
           || begins(line, size, "{\"type\":\"approval_pending\"");
}

static void await_answer(long wait_secs) {
    char *replies = malloc(2 * MAX_LINE);
    size_t held = 0;
    struct timespec until = in_ms(wait_secs * 1000);
    while (replies && left_ms(&until) && held < 2 * MAX_LINE) {
        struct pollfd wait[] = {{.fd = asking, .events = POLLIN}, {.fd = 1}};
        long ms = left_ms(&until);
        int ready = poll(wait, 2, ms < 60000 ? (int)ms : 60000);
        if (ready < 0 && errno != EINTR)
            return;
        if (ready <= 0)
            continue;
        if (wait[1].revents)
            return;   /* the agent is gone */
        ssize_t got = read(asking, replies + held, 2 * MAX_LINE - held);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return;   /* the monitor is gone */
        held += (size_t)got;
        char *end;
        while ((end = memchr(replies, '\n', held))) {
            size_t size = (size_t)(end - replies);
            if (!heard(replies, size))
                return;
            held -= size + 1;
            memmove(replies, end + 1, held);
        }
    }
}

static int approve(char **options) {
    long wait_secs = WAIT_SECS, subagent_secs = 0;
    int headless = 0;
    for (; *options; options++) {
        if (strcmp(*options, "--headless") == 0)
            headless = 1;
        else if (strcmp(*options, "--wait") == 0 && options[1])
            wait_secs = atol(*++options);
        else if (strcmp(*options, "--subagents") == 0 && options[1])
            subagent_secs = atol(*++options);
        else
            return 0;
    }
    if (wait_secs < 1 || wait_secs > MAX_WAIT_SECS || subagent_secs < 0
        || subagent_secs > MAX_WAIT_SECS)
        return 0;
    const char *entrypoint = getenv("CLAUDE_CODE_ENTRYPOINT");
    if (!headless && entrypoint && strncmp(entrypoint, "sdk-", 4) == 0)
        return 0;   /* no dialog: what nobody allows is denied at once, and shall not wait for us */
    limit_time((unsigned)wait_secs + BACKSTOP_SECS + CONNECT_MS / 1000);
    struct sigaction gone = {.sa_handler = answered_elsewhere};
    sigaction(SIGTERM, &gone, NULL);
    sigaction(SIGINT, &gone, NULL);
    sigaction(SIGHUP, &gone, NULL);
    struct cut *c = begin(MAX_SHOWN_STRING, MAX_SHOWN_VALUE);
    char *line = malloc(MAX_LINE + ROOM);
    if (!c || !line)
        return 0;
    c->marks = 1;
    if (!read_payload(c, NULL) || !c->is_hook)
        return 0;
    size_t size = finish(c, line, wait_secs, subagent_secs);
    struct timespec until = in_ms(CONNECT_MS);
    int fd = connected(&until);
    if (fd < 0)
        return 0;
    asking = fd;
    if (greet_and_send(fd, line, size, &until))
        await_answer(wait_secs);
    return 0;
}

/* --- a line for a status bar ------------------------------------------------------------------ */

enum { SESSIONS, WORKING, IDLE, ASLEEP, WAITING, MICROUSD, TOLD, ACTIVE = TOLD, COST, SHOWN };

static const char *const TOLD_AS[TOLD] = {"sessions", "working", "idle",
                                          "asleep",   "waiting", "cost_microusd"};
static const char *const SHOWN_AS[SHOWN] = {"sessions", "working", "idle",   "asleep",
                                            "waiting",  NULL,      "active", "cost"};

/* Figures stand in the order and shape in which our monitor writes them: whatever is different is
 * somebody else's. `text` ends with a 0. */
static int read_figures(const char *text, long long *figures) {
    const char *at = strstr(text, "\"figures\":{");
    if (!begins(text, strlen(text), "{\"type\":\"status\",") || !at)
        return 0;
    at += strlen("\"figures\":{");
    for (int i = 0; i < TOLD; i++) {
        size_t size = strlen(TOLD_AS[i]);
        if (*at != '"' || strncmp(at + 1, TOLD_AS[i], size) != 0 || at[size + 1] != '"'
            || at[size + 2] != ':')
            return 0;
        at += size + 3;
        size_t digits = strspn(at, "0123456789");
        if (digits < 1 || digits > 15 || at[digits] != (i + 1 < TOLD ? ',' : '}'))
            return 0;
        figures[i] = atoll(at);
        at += digits + 1;
    }
    return 1;
}

static int ask_figures(long long *figures) {
    static const char ASK[] =
        "{\"protocol_version\":{\"major\":1,\"minor\":0},\"type\":\"status\"}\n";
    static char reply[MAX_FACTS + 1];
    struct timespec until = in_ms(BAR_MS);
    size_t held = 0;
    int fd = connected(&until), lines = 0;
    if (fd < 0 || !greet_and_send(fd, ASK, sizeof ASK - 1, &until))
        return 0;
    while (left_ms(&until) && held < MAX_FACTS) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, (int)left_ms(&until)) <= 0)
            continue;
        ssize_t got = read(fd, reply + held, MAX_FACTS - held);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return 0;
        held += (size_t)got;
        char *end;
        while ((end = memchr(reply, '\n', held))) {
            *end = 0;
            if (lines++)
                return read_figures(reply, figures);
            held -= (size_t)(end - reply) + 1;   /* the greeting */
            memmove(reply, end + 1, held);
        }
    }
    return 0;
}

struct bar {
    char text[MAX_BAR];
    size_t size;
};

static void put(struct bar *bar, const char *text, size_t size) {
    if (size > sizeof bar->text - bar->size)
        size = sizeof bar->text - bar->size;
    memcpy(bar->text + bar->size, text, size);
    bar->size += size;
}

static const char *closing(const char *brace, const char *end) {
    int depth = 0;
    for (const char *p = brace; p < end; p++) {
        depth += (*p == '{') - (*p == '}');
        if (depth == 0)
            return p;
    }
    return NULL;
}

static int shown(const char *name, size_t size) {
    for (int i = 0; i < SHOWN; i++)
        if (SHOWN_AS[i] && strlen(SHOWN_AS[i]) == size && memcmp(SHOWN_AS[i], name, size) == 0)
            return i;
    return -1;
}

static void fill(struct bar *bar, const char *shape, const char *end, const long long *figures,
                 int depth) {
    while (shape < end) {
        const char *close = *shape == '{' ? closing(shape, end) : NULL;
        const char *colon = close ? memchr(shape, ':', (size_t)(close - shape)) : NULL;
        const char *stop = colon ? colon : close;
        int which = close ? shown(shape + 1, (size_t)(stop - shape) - 1) : -1;
        if (which < 0 || depth >= MAX_SHAPE_DEPTH) {
            put(bar, shape++, 1);
            continue;
        }
        long long cents = (figures[MICROUSD] + 5000) / 10000;
        long long value = which == ACTIVE ? figures[WORKING] + figures[IDLE]
                          : which == COST ? cents : figures[which];
        char text[48];
        if (which == COST)
            snprintf(text, sizeof text, "%lld.%02lld", cents / 100, cents % 100);
        else
            snprintf(text, sizeof text, "%lld", value);
        if (!colon)
            put(bar, text, strlen(text));
        else if (value)
            fill(bar, colon + 1, close, figures, depth + 1);
        shape = close + 1;
    }
}

/* Always a line: where nothing is printed, tmux goes on showing what was printed last. */
static int status_bar(const char *shape) {
    long long figures[TOLD];
    struct bar bar = {.size = 0};
    limit_time(BAR_SECS);
    if (!shape)
        shape = "{active}\xE2\x86\x91 {waiting:{waiting}! }${cost}";
    if (ask_figures(figures))
        fill(&bar, shape, shape + strlen(shape), figures, 0);
    else
        put(&bar, "-", 1);
    if (bar.size == sizeof bar.text) {   /* it was cut, perhaps within a character */
        while (bar.size && ((unsigned char)bar.text[bar.size - 1] & 0xC0) == 0x80)
            bar.size--;
        bar.size -= bar.size && (unsigned char)bar.text[bar.size - 1] >= 0xC0;
    }
    fwrite(bar.text, 1, bar.size, stdout);
    putchar('\n');
    return 0;
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    if (count > 1 && strcmp(arguments[1], "--version") == 0) {
        puts("clawdforge-hook 2");
        return 0;
    }
    if (count > 1 && strcmp(arguments[1], "--status-line") == 0) {
        signal(SIGPIPE, SIG_DFL);
        return status_line(count > 2 ? arguments + 2 : NULL);
    }
    if (count > 1 && strcmp(arguments[1], "--approve") == 0)
        return approve(arguments + 2);
    if (count > 1 && strcmp(arguments[1], "--bar") == 0)
        return status_bar(count > 2 ? arguments[2] : NULL);
    limit_time(BACKSTOP_SECS);
    struct cut *c = begin(MAX_STRING, MAX_VALUE);
    if (c && read_payload(c, NULL))
        report(c);
    return 0;
}
