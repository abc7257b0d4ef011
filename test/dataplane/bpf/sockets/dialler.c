// Sockets on demand: reads a command a line, answers each with a line. Ends with its input.
//   serve ADDRESS PORT             TCP and UDP servers that answer "ADDRESS PORT CLIENT"; said to whoever connects or sends
//   open KIND                      tcp4, tcp6, udp4, udp6 or mptcp4; answers with the socket's number
//   connect N ADDRESS PORT         "ok", or the error's name
//   disconnect N                   connect to AF_UNSPEC
//   send N                         a message to whom the socket is connected to
//   sendto N ADDRESS PORT
//   receive N                      what came, and from which address and port
//   peer N                         address and port that getpeername tells
//   close N
//   fork                           a child that has all sockets, until its parent dies
// Addresses of an IPv6 socket may be IPv4 ones: they are mapped.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const struct timeval PATIENCE = {.tv_sec = 1};
// Of who is connected: a machine may stand still for seconds.
static const struct timeval ANSWER_PATIENCE = {.tv_sec = 10};

static struct sockaddr_storage parse(int family, const char *address, int port, socklen_t *size) {
  struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
  if (family == AF_INET) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    inet_pton(AF_INET, address, &v4->sin_addr);
    v4->sin_port = htons((uint16_t)port);
    *size = sizeof(*v4);
  } else {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    char mapped[64];
    snprintf(mapped, sizeof mapped, "%s%s", strchr(address, ':') ? "" : "::ffff:", address);
    inet_pton(AF_INET6, mapped, &v6->sin6_addr);
    v6->sin6_port = htons((uint16_t)port);
    *size = sizeof(*v6);
  }
  return storage;
}

// "ADDRESS PORT" into `text`.
static void format(const struct sockaddr_storage *storage, char *text, size_t size) {
  char address[64] = "";
  int port = 0;
  if (storage->ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)storage;
    inet_ntop(AF_INET, &v4->sin_addr, address, sizeof address);
    port = ntohs(v4->sin_port);
  } else {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)storage;
    inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof address);
    port = ntohs(v6->sin6_port);
  }
  snprintf(text, size, "%s %d", address, port);
}

// In a new child: without it a parent that died between fork and prctl would leave the child behind for ever.
static void die_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
}

static int bound(int type, const char *address, int port) {
  socklen_t size = 0;
  const int family = strchr(address, ':') ? AF_INET6 : AF_INET;
  const struct sockaddr_storage own = parse(family, address, port, &size);
  const int one = 1;
  const int fd = socket(family, type, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (const struct sockaddr *)&own, size) != 0) return -1;
  return type == SOCK_STREAM && listen(fd, 128) != 0 ? -1 : fd;
}

static void serve(int type, int fd, const char *address, int port) {
  char buffer[256], client[96], answer[256];
  const pid_t self = getpid();
  for (;;) {
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof from;
    int connection = fd;
    if (type == SOCK_STREAM) {
      connection = accept(fd, (struct sockaddr *)&from, &size);
      if (connection < 0) continue;
    } else if (recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &size) < 0) {
      continue;
    }
    format(&from, client, sizeof client);
    const int length = snprintf(answer, sizeof answer, "%s %d %s", address, port, client);
    if (type == SOCK_STREAM) {
      send(connection, answer, (size_t)length, MSG_NOSIGNAL);
      // A connection is held for as long as its client lives: echo after the first line.
      if (fork() == 0) {
        die_with(self);
        while (recv(connection, buffer, sizeof buffer, 0) > 0) send(connection, answer, (size_t)length, MSG_NOSIGNAL);
        _exit(0);
      }
      close(connection);
    } else {
      sendto(fd, answer, (size_t)length, 0, (const struct sockaddr *)&from, size);
    }
  }
}

static int start_servers(const char *address, int port) {
  const int types[] = {SOCK_STREAM, SOCK_DGRAM};
  const pid_t self = getpid();
  for (int index = 0; index < 2; ++index) {
    const int fd = bound(types[index], address, port);
    if (fd < 0) return -1;
    if (fork() == 0) {
      die_with(self);
      serve(types[index], fd, address, port);
    }
    close(fd);
  }
  return 0;
}

static int open_socket(const char *kind) {
  const int family = strchr(kind, '6') ? AF_INET6 : AF_INET;
  const int type = strncmp(kind, "udp", 3) == 0 ? SOCK_DGRAM : SOCK_STREAM;
  const int fd = socket(family, type, strncmp(kind, "mptcp", 5) == 0 ? IPPROTO_MPTCP : 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ANSWER_PATIENCE, sizeof ANSWER_PATIENCE);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &PATIENCE, sizeof PATIENCE);
  return fd;
}

static int make_child(void) {
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child != 0) return child < 0 ? -1 : 0;
  die_with(self);
  for (;;) pause();
}

static int family_of(int fd) {
  int family = 0;
  socklen_t size = sizeof family;
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  return family;
}

static void answer(long result) { puts(result < 0 ? strerrorname_np(errno) : "ok"); }

static void receive(int fd) {
  char data[256] = "", sender[96] = "";
  struct sockaddr_storage from = {0};
  socklen_t size = sizeof from;
  const ssize_t length = recvfrom(fd, data, sizeof data - 1, 0, (struct sockaddr *)&from, &size);
  if (length < 0) return answer(-1);
  if (size > 0) format(&from, sender, sizeof sender);
  printf("%s from %s\n", data, sender);
}

static void tell_peer(int fd) {
  char text[96];
  struct sockaddr_storage peer = {0};
  socklen_t size = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0) return answer(-1);
  format(&peer, text, sizeof text);
  puts(text);
}

static void obey(char *line) {
  char verb[16] = "", first[64] = "", second[64] = "";
  int port = 0;
  socklen_t size = 0;
  sscanf(line, "%15s %63s %63s %d", verb, first, second, &port);
  const int fd = atoi(first);
  const struct sockaddr_storage to = parse(family_of(fd), second, port, &size);
  const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  if (strcmp(verb, "serve") == 0) answer(start_servers(first, atoi(second)));
  else if (strcmp(verb, "open") == 0) printf("%d\n", open_socket(first));
  else if (strcmp(verb, "connect") == 0) answer(connect(fd, (const struct sockaddr *)&to, size));
  else if (strcmp(verb, "disconnect") == 0) answer(connect(fd, &nobody, sizeof nobody));
  else if (strcmp(verb, "send") == 0) answer(send(fd, "?", 1, MSG_NOSIGNAL));
  else if (strcmp(verb, "sendto") == 0) answer(sendto(fd, "?", 1, MSG_NOSIGNAL, (const struct sockaddr *)&to, size));
  else if (strcmp(verb, "receive") == 0) receive(fd);
  else if (strcmp(verb, "peer") == 0) tell_peer(fd);
  else if (strcmp(verb, "close") == 0) answer(close(fd));
  else if (strcmp(verb, "fork") == 0) answer(make_child());
  else printf("no such command: %s", line);
}

int main(void) {
  char line[256];
  signal(SIGCHLD, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) obey(line);
  return 0;
}
