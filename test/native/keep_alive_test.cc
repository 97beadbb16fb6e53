// TCP keepalive: the times that a silent peer is asked at.

#include "session/keep_alive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>

#include "check.h"
#include "engine_harness.h"
#include "sockets.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

int TcpOption(const UniqueFd& fd, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  CHECK_EQUAL(getsockopt(fd.get(), IPPROTO_TCP, option, &value, &length), 0);
  return value;
}

TEST("keepalive: six questions, a sixth of the time apart, rounded up to a second") {
  struct {
    int idle_s;
    int interval_s;
  } const expected[] = {{1, 1}, {6, 1}, {7, 2}, {60, 10}, {3600, 600}, {32'400, 5400}};
  for (const auto& [idle_s, interval_s] : expected) {
    const Pair pair = TcpPair();
    sys::SetKeepAlive(pair.near.get(), idle_s);
    CHECK_EQUAL(TcpOption(pair.near, TCP_KEEPIDLE), idle_s);
    CHECK_EQUAL(TcpOption(pair.near, TCP_KEEPINTVL), interval_s);
    CHECK_EQUAL(TcpOption(pair.near, TCP_KEEPCNT), 6);
  }
}

/// Of 1,000 sessions that fall silent in one moment: how many ask in the same `grain_ms` at most,
/// within ten minutes. Their slots are `stride` apart, as those of one loop among several.
std::uint32_t MostAtOnce(std::uint32_t stride, std::uint64_t grain_ms, std::uint16_t keep_alive_s) {
  std::map<std::uint64_t, std::uint32_t> asked;
  for (std::uint32_t index = 0; index < 1000; ++index) {
    const std::uint64_t period_ms = AskingPeriodMs(index * stride, keep_alive_s);
    for (std::uint64_t ms = period_ms; ms < 600'000; ms += period_ms) ++asked[ms / grain_ms];
  }
  std::uint32_t most = 0;
  for (const auto& [grain, count] : asked) most = std::max(most, count);
  return most;
}

TEST("keepalive: sessions that fall silent together are not asked together, then or later") {
  for (const std::uint32_t stride : {1, 2, 3, 4, 7, 64}) {
    // The first round takes 22.5 s.
    CHECK(MostAtOnce(stride, 4096, 60) <= 1000 * 5 / 22);
    CHECK(MostAtOnce(stride, 100, 60) <= 20);
    CHECK(MostAtOnce(stride, 1000, 12) <= 1000 * 2 / 4);
  }
}

TEST("keepalive: a session asks before the kernel would, at half of that time at the soonest") {
  for (const std::uint16_t keep_alive_s : std::initializer_list<std::uint16_t>{1, 2, 60, 32'400}) {
    for (const std::uint32_t slot : {0U, 1U, 2U, 1000U, 0xFFFFFFFFU}) {
      const std::uint64_t period_ms = AskingPeriodMs(slot, keep_alive_s);
      CHECK(period_ms >= keep_alive_s * std::uint64_t{500});
      CHECK(period_ms <= keep_alive_s * std::uint64_t{875});
    }
  }
}

TEST("keepalive: who has been silent for long is asked when the time becomes shorter than that") {
  const Pair pair = TcpPair();
  sys::SetKeepAlive(pair.near.get(), 32'400);
  // Milliseconds since the peer was heard.
  const auto silence_ms = [&] {
    tcp_info info{};
    socklen_t length = sizeof info;
    CHECK_EQUAL(getsockopt(pair.near.get(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_last_ack_recv;
  };
  AwaitThat([&] { return silence_ms() > 1000; }, "a second of silence");
  const std::uint64_t since_ms = sys::NowMs();
  sys::SetKeepAliveIdle(pair.near.get(), 1);
  AwaitThat([&] { return silence_ms() < sys::NowMs() - since_ms; }, "an answer");
  sys::SetKeepAliveIdle(pair.near.get(), 32'400);
  CHECK_EQUAL(TcpOption(pair.near, TCP_KEEPIDLE), 32'400);
  CHECK_EQUAL(TcpOption(pair.near, TCP_KEEPINTVL), 5400);
}

}  // namespace
}  // namespace spliceway::testing
