/*
 * Load for the benchmarks of the data path, in five modes of the client:
 *   connect   short connections, as a stateless service sees them: connect, send one byte, read 64 bytes until the server
 *             closes; every connection is a new one, so every one is looked up
 *   exchange  one byte there, 64 bytes back, again and again on one connection for each thread
 *   stream    as much as goes, 128 KiB at a time, on one connection for each thread
 *   message   one byte there, 64 bytes back, by datagrams of one socket for each thread that is not connected
 *   name      asking one connection for each thread who is at its other end
 *
 *   traffic server --port PORT [--threads N] [--cpu CPU]
 *   traffic client --address ADDRESS --port PORT --seconds S [--mode MODE] [--threads N] [--cpu CPU] [--cgroup DIRECTORY]
 *
 * The client prints one line of JSON: {"done":…,"errors":…,"seconds":…,"rate":…,"p50us":…,"p99us":…,"cpuUs":…},
 * the last of them the processor's time for each that is done.
 * Thread i runs on CPU i, or all of them on --cpu: unpinned threads make the figures jump between two modes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REPLY_BYTES = 64, CHUNK_BYTES = 128 * 1024, MAX_THREADS = 16, EVENTS = 64, TIMEOUT_SECONDS = 2 };

/* The first byte of what a client sends: reply and close, reply, or only take it. */
enum { LAST_REQUEST = '?', REQUEST = '+', DATA = '.' };

enum mode { CONNECT, EXCHANGE, STREAM, MESSAGE, NAME };

static const char *const MODES[] = {"connect", "exchange", "stream", "message", "name"};

struct settings {
  enum mode mode;
  const char *address;
  const char *cgroup; /* NULL: it stays where it is */
  int port;
  int threads;
  int cpu; /* -1: thread i on CPU i */
  double seconds;
};

struct worker {
  pthread_t thread;
  const struct settings *settings;
  int index;
  uint64_t done; /* connections, exchanges or chunks */
  uint64_t errors;
  uint32_t *latencies_ns; /* one for each that is done, `capacity` at most */
  uint64_t capacity;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void fail(const char *what) {
  fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void pin(const struct worker *worker) {
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  int cpu = worker->settings->cpu >= 0 ? worker->settings->cpu : worker->index % (int)cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
}

static int bound(int port, int type) {
  int on = 1, off = 0;
  int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  if (type == SOCK_STREAM && listen(fd, 4096) != 0) fail("listen");
  return fd;
}

static void accept_all(int listening, int epoll) {
  int on = 1;
  for (;;) {
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) close(fd);
  }
}

static void answer(int fd) {
  static _Thread_local char received[CHUNK_BYTES];
  char reply[REPLY_BYTES];
  ssize_t got = read(fd, received, sizeof received);
  if (got > 0 && received[0] == DATA) return;
  memset(reply, 'w', sizeof reply);
  if (got > 0 && write(fd, reply, sizeof reply) < 0 && errno != EPIPE) {
    if (errno != ECONNRESET) perror("traffic: reply");
  }
  if (got <= 0 || received[0] == LAST_REQUEST) close(fd);
}

static void answer_messages(int fd) {
  char reply[REPLY_BYTES] = {0};
  struct sockaddr_storage sender;
  socklen_t length = sizeof sender;
  while (recvfrom(fd, reply, 1, 0, (struct sockaddr *)&sender, &length) >= 0) {
    sendto(fd, reply, sizeof reply, 0, (const struct sockaddr *)&sender, length);
    length = sizeof sender;
  }
}

static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll");
}

static void *serve(void *argument) {
  struct worker *worker = argument;
  pin(worker);
  int listening = bound(worker->settings->port, SOCK_STREAM), messages = bound(worker->settings->port, SOCK_DGRAM);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[EVENTS];
  if (epoll < 0) fail("epoll");
  watch(epoll, listening);
  watch(epoll, messages);
  for (;;) {
    int count = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd == listening) accept_all(listening, epoll);
      else if (events[i].data.fd == messages) answer_messages(messages);
      else answer(events[i].data.fd);
    }
  }
  return NULL;
}

static struct sockaddr_storage destination(const struct settings *settings, socklen_t *length) {
  char port[8];
  snprintf(port, sizeof port, "%d", settings->port);
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
  int code = getaddrinfo(settings->address, port, &hints, &found);
  if (code != 0) {
    fprintf(stderr, "traffic: --address %s: %s\n", settings->address, gai_strerror(code));
    exit(2);
  }
  struct sockaddr_storage address = {0};
  memcpy(&address, found->ai_addr, found->ai_addrlen);
  *length = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

static int patient(int family, int type) {
  struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
  int fd = socket(family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  return fd;
}

/* A connection to the server, or -1. */
static int dial(const struct sockaddr_storage *address, socklen_t length) {
  int on = 1;
  int fd = patient(address->ss_family, SOCK_STREAM);
  if (fd < 0) return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, (const struct sockaddr *)address, length) == 0) return fd;
  int failure = errno;
  close(fd);
  errno = failure;
  return -1;
}

/* 0 if all 64 bytes arrived, and after the last request the server's close. */
static int exchange(int fd, char request) {
  char reply[REPLY_BYTES * 2];
  size_t received = 0, expected = request == LAST_REQUEST ? sizeof reply : REPLY_BYTES;
  ssize_t got = -1;
  if (write(fd, &request, 1) != 1) return -1;
  while (received < expected && (got = read(fd, reply + received, expected - received)) > 0) {
    received += (size_t)got;
  }
  if (received == REPLY_BYTES && (request == REQUEST || got == 0)) return 0;
  if (got >= 0) errno = EPROTO;
  return -1;
}

/* One connection from start to end. */
static int connect_once(const struct sockaddr_storage *address, socklen_t length) {
  int fd = dial(address, length);
  if (fd < 0) return -1;
  int result = exchange(fd, LAST_REQUEST), failure = errno;
  close(fd);
  errno = failure;
  return result;
}

static int push(int fd) {
  static _Thread_local char chunk[CHUNK_BYTES];
  /* All of it: the server's reads begin anywhere. */
  if (chunk[0] != DATA) memset(chunk, DATA, sizeof chunk);
  return write(fd, chunk, sizeof chunk) == sizeof chunk ? 0 : -1;
}

static int message(int fd, const struct sockaddr_storage *address, socklen_t length) {
  char reply[REPLY_BYTES];
  if (sendto(fd, "+", 1, 0, (const struct sockaddr *)address, length) != 1) return -1;
  struct sockaddr_storage sender;
  socklen_t size = sizeof sender;
  return recvfrom(fd, reply, sizeof reply, 0, (struct sockaddr *)&sender, &size) == sizeof reply ? 0 : -1;
}

static int name(int fd) {
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  return getpeername(fd, (struct sockaddr *)&peer, &length);
}

static int once(enum mode mode, int fd, const struct sockaddr_storage *address, socklen_t length) {
  switch (mode) {
    case CONNECT: return connect_once(address, length);
    case EXCHANGE: return exchange(fd, REQUEST);
    case STREAM: return push(fd);
    case MESSAGE: return message(fd, address, length);
    default: return name(fd);
  }
}

static void *load(void *argument) {
  struct worker *worker = argument;
  pin(worker);
  socklen_t length;
  struct sockaddr_storage address = destination(worker->settings, &length);
  enum mode mode = worker->settings->mode;
  int fd = mode == CONNECT ? -1 : mode == MESSAGE ? patient(address.ss_family, SOCK_DGRAM) : dial(&address, length);
  if (mode != CONNECT && fd < 0) fail(worker->settings->address);
  double start = now(), end = start + worker->settings->seconds;
  while (start < end) {
    int failed = once(mode, fd, &address, length);
    double done = now();
    if (failed != 0) {
      if (worker->errors++ == 0) fprintf(stderr, "traffic: %s: %s\n", worker->settings->address, strerror(errno));
    } else {
      if (worker->done < worker->capacity) worker->latencies_ns[worker->done] = (uint32_t)((done - start) * 1e9);
      worker->done++;
    }
    start = done;
  }
  if (fd >= 0) close(fd);
  return NULL;
}

static int ascending(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return a < b ? -1 : a > b;
}

static double processor_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void report(struct worker *workers, int threads, double seconds) {
  double processor = processor_seconds();
  uint64_t done = 0, errors = 0, samples = 0;
  for (int i = 0; i < threads; i++) {
    done += workers[i].done;
    errors += workers[i].errors;
  }
  uint32_t *all = calloc(done + 1, sizeof *all);
  if (all == NULL) fail("calloc");
  for (int i = 0; i < threads; i++) {
    uint64_t count = workers[i].done < workers[i].capacity ? workers[i].done : workers[i].capacity;
    memcpy(all + samples, workers[i].latencies_ns, count * sizeof *all);
    samples += count;
  }
  qsort(all, samples, sizeof *all, ascending);
  double p50 = samples ? all[samples / 2] / 1e3 : 0, p99 = samples ? all[samples * 99 / 100] / 1e3 : 0;
  printf("{\"done\":%lu,\"errors\":%lu,\"seconds\":%.3f,\"rate\":%.1f,\"p50us\":%.1f,\"p99us\":%.1f,\"cpuUs\":%.2f}\n",
         done, errors, seconds, (double)done / seconds, p50, p99, done ? processor * 1e6 / (double)done : 0);
  free(all);
}

static void run_client(const struct settings *settings) {
  struct worker workers[MAX_THREADS] = {0};
  double start = now();
  for (int i = 0; i < settings->threads; i++) {
    workers[i] = (struct worker){.settings = settings, .index = i, .capacity = 1u << 20};
    workers[i].latencies_ns = calloc(workers[i].capacity, sizeof(uint32_t));
    if (workers[i].latencies_ns == NULL) fail("calloc");
    if (pthread_create(&workers[i].thread, NULL, load, &workers[i]) != 0) fail("pthread_create");
  }
  for (int i = 0; i < settings->threads; i++) pthread_join(workers[i].thread, NULL);
  report(workers, settings->threads, now() - start);
}

static void run_server(const struct settings *settings) {
  static struct worker workers[MAX_THREADS];
  /* The bench's death must not leave a server behind. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < settings->threads; i++) {
    workers[i] = (struct worker){.settings = settings, .index = i};
    if (pthread_create(&workers[i].thread, NULL, serve, &workers[i]) != 0) fail("pthread_create");
  }
  pthread_join(workers[0].thread, NULL);
}

static void usage(void) {
  fputs("usage: traffic server|client --port PORT [--address ADDRESS] [--mode connect|exchange|stream|message|name]"
        " [--seconds S] [--threads N] [--cpu CPU] [--cgroup DIRECTORY]\n",
        stderr);
  exit(2);
}

static enum mode mode_named(const char *name) {
  for (size_t mode = 0; mode < sizeof MODES / sizeof *MODES; mode++) {
    if (strcmp(name, MODES[mode]) == 0) return (enum mode)mode;
  }
  usage();
  return CONNECT;
}

static void join_cgroup(const char *directory) {
  char path[4096];
  snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "0", 1) != 1) fail(path);
  close(fd);
}

int main(int count, char **arguments) {
  struct settings settings = {.threads = 2, .cpu = -1, .seconds = 1};
  if (count < 2) usage();
  for (int i = 2; i + 1 < count; i += 2) {
    const char *name = arguments[i], *value = arguments[i + 1];
    if (strcmp(name, "--port") == 0) settings.port = atoi(value);
    else if (strcmp(name, "--mode") == 0) settings.mode = mode_named(value);
    else if (strcmp(name, "--address") == 0) settings.address = value;
    else if (strcmp(name, "--cgroup") == 0) settings.cgroup = value;
    else if (strcmp(name, "--threads") == 0) settings.threads = atoi(value);
    else if (strcmp(name, "--cpu") == 0) settings.cpu = atoi(value);
    else if (strcmp(name, "--seconds") == 0) settings.seconds = atof(value);
    else usage();
  }
  if (settings.port <= 0 || settings.threads < 1 || settings.threads > MAX_THREADS) usage();
  if (settings.cgroup != NULL) join_cgroup(settings.cgroup);
  if (strcmp(arguments[1], "server") == 0) run_server(&settings);
  else if (strcmp(arguments[1], "client") == 0 && settings.address != NULL) run_client(&settings);
  else usage();
  return 0;
}
