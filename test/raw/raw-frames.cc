// Frames by hand: sends each line of its input (hexadecimal, from the Ethernet header on) out of an interface, and prints
// each frame that comes in by it the same way. Usage, in the namespace that has the interface: raw-frames INTERFACE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int open_socket(const char* interface) {
  const int packets = ::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  if (packets < 0) fail("socket");
  sockaddr_ll place = {};
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(ETH_P_ALL);
  place.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  if (place.sll_ifindex == 0) fail(interface);
  if (::bind(packets, reinterpret_cast<sockaddr*>(&place), sizeof(place)) != 0) fail("bind");
  return packets;
}

void send_line(int packets, const std::string& line) {
  std::vector<uint8_t> frame;
  for (size_t at = 0; at + 1 < line.size(); at += 2) {
    frame.push_back(static_cast<uint8_t>(std::stoul(line.substr(at, 2), nullptr, 16)));
  }
  if (::send(packets, frame.data(), frame.size(), 0) < 0) fail("send");
}

void print_frame(int packets) {
  uint8_t frame[65536];
  sockaddr_ll from = {};
  socklen_t size = sizeof(from);
  const ssize_t length = ::recvfrom(packets, frame, sizeof(frame), 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (length < 0) fail("recvfrom");
  if (from.sll_pkttype == PACKET_OUTGOING) return;
  for (ssize_t at = 0; at < length; ++at) std::printf("%02x", frame[at]);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const int packets = open_socket(arguments[1]);
  std::printf("ready\n");
  std::fflush(stdout);
  std::string input;
  pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {packets, POLLIN, 0}};
  while (::poll(watched, 2, -1) > 0) {
    if (watched[1].revents != 0) print_frame(packets);
    if (watched[0].revents == 0) continue;
    char bytes[65536];
    const ssize_t length = ::read(STDIN_FILENO, bytes, sizeof(bytes));
    if (length <= 0) return 0;
    input.append(bytes, static_cast<size_t>(length));
    for (size_t end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
      send_line(packets, input.substr(0, end));
      input.erase(0, end + 1);
    }
  }
  fail("poll");
}
