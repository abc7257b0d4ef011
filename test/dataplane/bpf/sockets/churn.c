// Opens and closes sockets in every way that there is, one after the other, to the Services at two addresses.
//   churn serve ADDRESS... PORT       TCP and UDP servers: the one closes what it accepts, the other sends back
//   churn run CYCLES ADDRESS4 ADDRESS6   a socket in each cycle; prints how many, or what went otherwise than it has to
// At both addresses port 80 is answered (TCP and UDP), 81 has no endpoint, 82 one that refuses, 83 one without a route, 84 one
// that is silent.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWERED = 80, EMPTY = 81, REFUSING = 82, UNROUTED = 83, SILENT = 84, FORKS_EVERY = 64 };

struct peer {
  struct sockaddr_storage storage;
  socklen_t size;
};

static const char *const *addresses; // IPv4, IPv6

static struct peer peer_at(const char *address, int port) {
  struct peer peer = {0};
  if (strchr(address, ':')) {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer.storage;
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    inet_pton(AF_INET6, address, &v6->sin6_addr);
    peer.size = sizeof *v6;
  } else {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&peer.storage;
    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, address, &v4->sin_addr);
    peer.size = sizeof *v4;
  }
  return peer;
}

static const struct sockaddr *name_of(const struct peer *peer) { return (const struct sockaddr *)&peer->storage; }

static void fail(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

static int open_socket(int cycle, int type) {
  const struct timeval patience = {.tv_sec = 10};
  int fd = socket(cycle % 2 ? AF_INET6 : AF_INET, type, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

// `expected`: 0, or the error that connect has to fail with.
static void dial(int fd, int cycle, int port, int expected, const char *what) {
  const struct peer peer = peer_at(addresses[cycle % 2], port);
  int result = connect(fd, name_of(&peer), peer.size);
  if (result == 0 ? expected != 0 : errno != expected) fail(what);
}

static void talk(int fd, const char *what) {
  char byte = '?';
  if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || recv(fd, &byte, 1, 0) != 1) fail(what);
}

static void connection(int cycle) {
  char byte;
  int fd = open_socket(cycle, SOCK_STREAM);
  dial(fd, cycle, ANSWERED, 0, "connection");
  if (recv(fd, &byte, 1, 0) != 0) fail("connection's end");
  close(fd);
}

static void aborted(int cycle) {
  const struct linger linger = {.l_onoff = 1};
  int fd = open_socket(cycle, SOCK_STREAM);
  dial(fd, cycle, ANSWERED, 0, "aborted connection");
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
}

static void without_endpoint(int cycle) {
  int fd = open_socket(cycle, SOCK_STREAM);
  dial(fd, cycle, EMPTY, ECONNREFUSED, "connection to nobody");
  close(fd);
}

static void refused(int cycle) {
  int fd = open_socket(cycle, SOCK_STREAM);
  dial(fd, cycle, REFUSING, ECONNREFUSED, "refused connection");
  close(fd);
}

static void unrouted(int cycle) {
  int fd = open_socket(cycle, SOCK_STREAM);
  dial(fd, cycle, UNROUTED, ENETUNREACH, "connection without a route");
  close(fd);
}

static void given_up(int cycle) {
  int fd = open_socket(cycle, SOCK_STREAM | SOCK_NONBLOCK);
  dial(fd, cycle, SILENT, EINPROGRESS, "connection that is not answered");
  close(fd);
}

// Refused at first, and then taken elsewhere.
static void repeated(int cycle) {
  int fd = open_socket(cycle, SOCK_STREAM);
  dial(fd, cycle, REFUSING, ECONNREFUSED, "first connection");
  dial(fd, cycle, ANSWERED, 0, "second connection");
  close(fd);
}

static void datagrams(int cycle) {
  int fd = open_socket(cycle, SOCK_DGRAM);
  dial(fd, cycle, ANSWERED, 0, "datagrams");
  talk(fd, "datagram");
  close(fd);
}

static void datagrams_elsewhere(int cycle) {
  const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  int fd = open_socket(cycle, SOCK_DGRAM);
  dial(fd, cycle, ANSWERED, 0, "datagrams");
  dial(fd, cycle, SILENT, 0, "datagrams elsewhere");
  if (connect(fd, &nobody, sizeof nobody) != 0) fail("datagrams to nobody");
  close(fd);
}

static void messages(int cycle) {
  const struct peer peer = peer_at(addresses[cycle % 2], ANSWERED);
  char byte = '?';
  int fd = open_socket(cycle, SOCK_DGRAM);
  if (sendto(fd, &byte, 1, 0, name_of(&peer), peer.size) != 1 || recv(fd, &byte, 1, 0) != 1) fail("message");
  close(fd);
}

static void message_to_nobody(int cycle) {
  const struct peer peer = peer_at(addresses[cycle % 2], EMPTY);
  int fd = open_socket(cycle, SOCK_DGRAM);
  if (sendto(fd, "?", 1, 0, name_of(&peer), peer.size) >= 0 || errno != ECONNREFUSED) fail("message to nobody");
  close(fd);
}

// The last one to close it is another process, which ends by itself or is killed.
static void inherited(int cycle) {
  int fd = open_socket(cycle, SOCK_STREAM);
  dial(fd, cycle, ANSWERED, 0, "inherited connection");
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    if (cycle % 4 < 2) raise(SIGKILL);
    _exit(0);
  }
  close(fd);
  waitpid(child, NULL, 0);
}

static void (*const WAYS[])(int) = {
    connection, aborted,   without_endpoint,    refused,  unrouted,          given_up,
    repeated,   datagrams, datagrams_elsewhere, messages, message_to_nobody,
};

static void run(int cycles) {
  const int ways = sizeof WAYS / sizeof *WAYS;
  // Each way by IPv4, then each by IPv6.
  for (int cycle = 0; cycle < cycles; cycle++) {
    const int family = cycle / ways;
    if (cycle % FORKS_EVERY == 0) inherited(cycle / FORKS_EVERY);
    else WAYS[cycle % ways](family);
  }
  printf("%d\n", cycles);
}

static int bound(int type, const char *address, int port) {
  const int one = 1;
  const struct peer own = peer_at(address, port);
  int fd = socket(own.storage.ss_family, type, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, name_of(&own), own.size) != 0) fail(address);
  if (type == SOCK_STREAM && listen(fd, 4096) != 0) fail(address);
  return fd;
}

static void accept_all(int listening) {
  for (;;) {
    int fd = accept(listening, NULL, NULL);
    if (fd >= 0) close(fd);
  }
}

static void send_back(int fd) {
  char byte;
  for (;;) {
    struct peer sender = {.size = sizeof sender.storage};
    if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&sender.storage, &sender.size) == 1)
      sendto(fd, &byte, 1, 0, name_of(&sender), sender.size);
  }
}

static void serve(char *const *on, int count, int port) {
  const pid_t self = getpid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int index = 0; index < 2 * count; index++) {
    const bool of_stream = index % 2 == 0;
    int fd = bound(of_stream ? SOCK_STREAM : SOCK_DGRAM, on[index / 2], port);
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      // A parent that died before could not tell any more.
      if (getppid() != self) _exit(0);
      if (of_stream) accept_all(fd);
      else send_back(fd);
    }
    close(fd);
  }
  puts("serving");
  fflush(stdout);
  pause();
}

int main(int count, char **arguments) {
  if (count >= 4 && strcmp(arguments[1], "serve") == 0) serve(arguments + 2, count - 3, atoi(arguments[count - 1]));
  if (count != 5 || strcmp(arguments[1], "run") != 0) return 2;
  addresses = (const char *const *)arguments + 3;
  run(atoi(arguments[2]));
  return 0;
}
