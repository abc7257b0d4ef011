#include "control.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace weir {

namespace {

int listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("control path is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  unlink(path.c_str());
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 64) != 0) {
    throw std::system_error(errno, std::generic_category(), "control socket " + path);
  }
  return fd;
}

bool parse_protocol(const std::string& text, Protocol& protocol) {
  for (const Protocol each : {Protocol::tcp, Protocol::udp, Protocol::sctp, Protocol::icmp}) {
    if (text != name_of(each)) continue;
    protocol = each;
    return true;
  }
  return false;
}

bool parse_spec(const std::string& line, ProbeSpec& spec) {
  std::istringstream words(line);
  std::string protocol;
  std::string address;
  std::string source;
  uint16_t port = 0;
  if (!(words >> spec.id >> protocol >> address >> port >> source >> spec.source_port >> spec.mark)) return false;
  const auto destination = SocketAddress::parse(address, port);
  if (!destination || !parse_protocol(protocol, spec.protocol)) return false;
  spec.destination = *destination;
  if (source == "-") return true;
  spec.source = SocketAddress::parse(source, 0);
  return spec.source && spec.source->family() == destination->family();
}

std::string json_of(const ProbeResult& result) {
  if (!result.failure.empty()) return "{\"id\":" + quote(result.id) + ",\"error\":" + quote(result.failure) + "}";
  char ms[32];
  std::snprintf(ms, sizeof ms, "%.3f", result.ms);
  return "{\"id\":" + quote(result.id) + ",\"verdict\":" + quote(name_of(result.verdict)) +
         ",\"answer\":" + quote(result.answer) + ",\"ms\":" + ms + "}";
}

}  // namespace

Control::Control(Loop& loop, std::string path)
    : loop_(loop),
      path_(std::move(path)),
      listening_(listen_at(path_)),
      servers_(loop, identity_),
      sctp_(loop, identity_),
      echo_(loop) {
  sctp_.serve({}, false, {});
  loop_.watch(listening_, EPOLLIN, [this](uint32_t) { accept_all(); });
}

Control::~Control() {
  while (!connections_.empty()) shut(connections_.begin()->first);
  loop_.unwatch(listening_);
  close(listening_);
  unlink(path_.c_str());
}

void Control::accept_all() {
  for (;;) {
    const int fd = accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    connections_[fd];
    loop_.watch(fd, EPOLLIN, [this, fd](uint32_t events) { on_ready(fd, events); });
  }
}

void Control::on_ready(int fd, uint32_t events) {
  Connection& connection = connections_[fd];
  if ((events & EPOLLOUT) != 0) flush(fd, connection);
  if (!connection.over && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_input(fd, connection);
  if (connection.over) shut(fd);
}

void Control::read_input(int fd, Connection& connection) {
  char buffer[65536];
  const ssize_t size = recv(fd, buffer, sizeof buffer, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    connection.over = true;
    return;
  }
  connection.input.append(buffer, static_cast<size_t>(size));
  take_lines(fd, connection);
}

void Control::take_lines(int fd, Connection& connection) {
  size_t start = 0;
  while (!connection.run) {
    const size_t end = connection.input.find('\n', start);
    if (end == std::string::npos) break;
    on_line(fd, connection, connection.input.substr(start, end - start));
    start = end + 1;
  }
  connection.input.erase(0, start);
}

void Control::on_line(int fd, Connection& connection, const std::string& line) {
  if (connection.specs_expected > 0) {
    on_spec(fd, connection, line);
    return;
  }
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "serve") {
    say(fd, connection, serve(line));
  } else if (command == "probe" && words >> connection.specs_expected) {
    connection.specs_total = connection.specs_expected;
    if (connection.specs_total == 0) say(fd, connection, "{\"done\":0}");
  } else if (command == "exit") {
    say(fd, connection, "{\"exit\":true}");
    loop_.stop();
  } else {
    say(fd, connection, "{\"error\":" + quote("cannot understand: " + line) + "}");
  }
}

void Control::on_spec(int fd, Connection& connection, const std::string& line) {
  ProbeSpec spec{};
  if (parse_spec(line, spec)) {
    connection.specs.push_back(std::move(spec));
  } else {
    say(fd, connection, "{\"id\":" + quote(spec.id) + ",\"error\":" + quote("cannot understand: " + line) + "}");
  }
  if (--connection.specs_expected == 0) start_run(fd, connection);
}

void Control::start_run(int fd, Connection& connection) {
  const auto on_result = [this, fd](const ProbeResult& result) { say(fd, connections_[fd], json_of(result)); };
  connection.run = std::make_unique<ProbeRun>(loop_, ProbeRun::Sockets{sctp_, echo_}, on_result,
                                              [this, fd] { end_run(fd); });
  connection.run->start(std::move(connection.specs));
  connection.specs.clear();
}

void Control::end_run(int fd) {
  Connection& connection = connections_[fd];
  say(fd, connection, "{\"done\":" + std::to_string(connection.specs_total) + "}");
  // The run is still on the stack: it goes, and the next command comes, from the loop.
  loop_.after(0, [this, fd] {
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    found->second.run.reset();
    take_lines(fd, found->second);
  });
}

std::string Control::serve(const std::string& line) {
  std::istringstream words(line);
  std::string command;
  std::string abort;
  std::string ports;
  Identity identity;
  if (!(words >> command >> identity.pod >> identity.namespace_name >> identity.node >> abort >> ports)) {
    return "{\"error\":" + quote("cannot understand: " + line) + "}";
  }
  identity_ = identity;
  std::vector<std::pair<Protocol, uint16_t>> wanted;
  std::set<uint16_t> sctp_ports;
  std::set<uint16_t> others;
  std::istringstream list(ports == "-" ? "" : ports);
  for (std::string entry; std::getline(list, entry, ',');) {
    const size_t colon = entry.find(':');
    const auto port = static_cast<uint16_t>(std::atoi(entry.c_str() + colon + 1));
    const std::string name = entry.substr(0, colon);
    if (name == "PEER") others.insert(port);
    if (name == "SCTP") sctp_ports.insert(port);
    if (name == "TCP") wanted.emplace_back(Protocol::tcp, port);
    if (name == "UDP") wanted.emplace_back(Protocol::udp, port);
  }
  sctp_.serve(std::move(sctp_ports), abort == "abort", std::move(others));
  std::string failed;
  for (const auto& failure : servers_.want(wanted)) {
    failed += (failed.empty() ? "" : ",");
    failed += "{\"protocol\":" + quote(name_of(failure.protocol)) + ",\"port\":" + std::to_string(failure.port) +
              ",\"cause\":" + quote(failure.cause) + "}";
  }
  return "{\"failed\":[" + failed + "]}";
}

void Control::say(int fd, Connection& connection, const std::string& line) {
  connection.output += line;
  connection.output += '\n';
  flush(fd, connection);
}

void Control::flush(int fd, Connection& connection) {
  const ssize_t sent = send(fd, connection.output.data(), connection.output.size(), MSG_NOSIGNAL);
  if (sent > 0) connection.output.erase(0, static_cast<size_t>(sent));
  if (sent < 0 && errno != EAGAIN) connection.over = true;
  if (connection.waiting == !connection.output.empty()) return;
  connection.waiting = !connection.output.empty();
  const uint32_t more = connection.waiting ? uint32_t{EPOLLOUT} : 0;
  loop_.watch(fd, EPOLLIN | more, [this, fd](uint32_t events) { on_ready(fd, events); });
}

void Control::shut(int fd) {
  loop_.unwatch(fd);
  close(fd);
  connections_.erase(fd);
}

}  // namespace weir
