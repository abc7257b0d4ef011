// The control socket: the lab tells the pod what to serve and what to probe, one line at a time.
//
//   serve POD NAMESPACE NODE ABORT PORTS    PORTS: `TCP:80,SCTP:99` or `-`; PEER:N marks an SCTP port that another
//                                           process of this network namespace serves; ABORT: `abort` or `quiet`
//     → {"failed":[{"protocol","port","cause"}…]}
//   probe COUNT                             followed by COUNT lines:
//   ID PROTOCOL ADDRESS PORT SOURCE SOURCEPORT MARK     SOURCE: an address or `-`; PORT, SOURCEPORT, MARK: 0 for none
//     → {"id","verdict","answer","ms"} or {"id","error"} for each as it ends, then {"done":COUNT}
//   exit
//     → {"exit":true}
//
// A line that can't be understood is answered by {"error":…}. Commands of one connection run one after the other.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "identity.h"
#include "loop.h"
#include "probe_run.h"
#include "servers.h"

namespace weir {

class Control {
 public:
  Control(Loop& loop, std::string path);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

 private:
  struct Connection {
    std::string input;
    std::string output;
    size_t specs_expected = 0;
    size_t specs_total = 0;
    std::deque<ProbeSpec> specs;
    std::unique_ptr<ProbeRun> run;
    bool over = false;
    // The socket took less than there was to say: the loop tells when it takes more.
    bool waiting = false;
  };

  void accept_all();
  void on_ready(int fd, uint32_t events);
  void read_input(int fd, Connection& connection);
  void take_lines(int fd, Connection& connection);
  void on_line(int fd, Connection& connection, const std::string& line);
  void on_spec(int fd, Connection& connection, const std::string& line);
  void start_run(int fd, Connection& connection);
  void end_run(int fd);
  std::string serve(const std::string& line);
  void say(int fd, Connection& connection, const std::string& line);
  void flush(int fd, Connection& connection);
  void shut(int fd);

  Loop& loop_;
  const std::string path_;
  int listening_;
  Identity identity_;
  Servers servers_;
  SctpSocket sctp_;
  EchoSocket echo_;
  std::map<int, Connection> connections_;
};

}  // namespace weir
