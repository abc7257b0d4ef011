/*
 * Short connections by several ways in turns, all on one processor, before whatever else wants it: what a way costs more than
 * another shows even where the machine has other work, which rates and latencies of whole seconds lose.
 *
 *   turns server PORT
 *   turns client ROUNDS CONNECTIONS WAY...      WAY: NAMESPACE,CGROUP,ADDRESS,PORT; an empty CGROUP: it stays where it is
 *
 * A connection is connect, one byte, 64 bytes back, the server closes, close. Each round takes every way once, in random order.
 * The client prints a line of JSON for each round: ns per connection of each way.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REPLY_BYTES = 64, MAX_WAYS = 32, TIMEOUT_SECONDS = 2, WARM_UPS = 2, PRIORITY = 10, PAUSE_NS = 4000000 };

struct way {
  char *namespace, *cgroup, *address, *port;
  int turn;  /* written to for each turn of the way's process */
  int times; /* where that process writes its ns per connection */
};

static void fail(const char *what) {
  fprintf(stderr, "turns: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void take_processor(void) {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  struct sched_param parameters = {.sched_priority = PRIORITY};
  if (sched_setaffinity(0, sizeof first, &first) != 0) fail("sched_setaffinity");
  if (sched_setscheduler(0, SCHED_FIFO, &parameters) != 0) fail("sched_setscheduler");
}

static void die_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (parent != 0 && getppid() != parent) _exit(0);
}

static int tcp_socket(void) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static struct sockaddr_in endpoint(const char *address, const char *port) {
  struct sockaddr_in endpoint = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  if (inet_pton(AF_INET, address, &endpoint.sin_addr) != 1) fail(address);
  return endpoint;
}

static void serve(const char *port) {
  static const char reply[REPLY_BYTES] = {'w'};
  struct sockaddr_in any = endpoint("0.0.0.0", port);
  int on = 1, listening = tcp_socket();
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listening, (struct sockaddr *)&any, sizeof any) != 0 || listen(listening, 128) != 0) fail("listen");
  take_processor();
  for (;;) {
    char request;
    int fd = accept(listening, NULL, NULL);
    if (fd < 0) continue;
    if (read(fd, &request, 1) == 1 && write(fd, reply, sizeof reply) < 0) perror("turns: reply");
    close(fd);
  }
}

static void connect_once(const struct sockaddr_in *server) {
  char reply[2 * REPLY_BYTES];
  struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
  int fd = tcp_socket();
  ssize_t got, all = 0;
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  if (connect(fd, (const struct sockaddr *)server, sizeof *server) != 0) fail("connect");
  if (write(fd, "?", 1) != 1) fail("request");
  while ((got = read(fd, reply, sizeof reply)) > 0) all += got;
  if (got < 0 || all != REPLY_BYTES) fail("reply");
  close(fd);
}

static void enter(const struct way *way) {
  char path[4096];
  if (way->cgroup[0] != '\0') {
    snprintf(path, sizeof path, "%s/cgroup.procs", way->cgroup);
    int processes = open(path, O_WRONLY | O_CLOEXEC);
    if (processes < 0 || write(processes, "0", 1) != 1) fail(path);
    close(processes);
  }
  snprintf(path, sizeof path, "/run/netns/%s", way->namespace);
  int namespace = open(path, O_RDONLY | O_CLOEXEC);
  if (namespace < 0 || setns(namespace, CLONE_NEWNET) != 0) fail(path);
  close(namespace);
}

static void go(const struct way *way, int connections, int turns, int times) {
  struct sockaddr_in server = endpoint(way->address, way->port);
  char turn;
  enter(way);
  take_processor();
  while (read(turns, &turn, 1) == 1) {
    for (int i = 0; i < WARM_UPS; i++) connect_once(&server);
    int64_t start = now_ns();
    for (int i = 0; i < connections; i++) connect_once(&server);
    int64_t each = (now_ns() - start) / connections;
    if (write(times, &each, sizeof each) != sizeof each) fail("times");
  }
  exit(0);
}

static void start(struct way *way, int connections) {
  int turns[2], times[2];
  pid_t self = getpid();
  if (pipe2(turns, O_CLOEXEC) != 0 || pipe2(times, O_CLOEXEC) != 0) fail("pipe");
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    die_with(self);
    close(turns[1]);
    go(way, connections, turns[0], times[1]);
  }
  close(turns[0]);
  close(times[1]);
  way->turn = turns[1];
  way->times = times[0];
}

static void take_round(const struct way *ways, int count, int64_t *times) {
  int order[MAX_WAYS];
  for (int i = 0; i < count; i++) {
    int other = rand() % (i + 1);
    order[i] = order[other];
    order[other] = i;
  }
  for (int i = 0; i < count; i++) {
    const struct way *way = &ways[order[i]];
    if (write(way->turn, "", 1) != 1) fail("turn");
    if (read(way->times, &times[order[i]], sizeof *times) != sizeof *times) fail(way->address);
  }
}

static void compare(int rounds, int connections, int count, char **places) {
  struct way ways[MAX_WAYS];
  int64_t times[MAX_WAYS];
  for (int i = 0; i < count; i++) {
    char *place = places[i];
    ways[i] = (struct way){strsep(&place, ","), strsep(&place, ","), strsep(&place, ","), strsep(&place, ","), 0, 0};
    if (ways[i].port == NULL) fail(places[i]);
    start(&ways[i], connections);
  }
  take_processor();
  srand((unsigned)now_ns());
  for (int round = 0; round < rounds; round++) {
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    take_round(ways, count, times);
    for (int i = 0; i < count; i++) printf("%c%lld", i == 0 ? '[' : ',', (long long)times[i]);
    puts("]");
    /* The others' turn. */
    nanosleep(&pause, NULL);
  }
}

int main(int count, char **arguments) {
  signal(SIGPIPE, SIG_IGN);
  die_with(0);
  if (count == 3 && strcmp(arguments[1], "server") == 0) serve(arguments[2]);
  if (count < 5 || count - 4 > MAX_WAYS || strcmp(arguments[1], "client") != 0) {
    fputs("usage: turns server PORT | turns client ROUNDS CONNECTIONS WAY...\n", stderr);
    return 2;
  }
  compare(atoi(arguments[2]), atoi(arguments[3]), count - 4, arguments + 4);
  return 0;
}
