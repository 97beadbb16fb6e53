// The end of an engine that still has sessions.

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <string>
#include <vector>

#include "engine_harness.h"
#include "measure.h"

namespace spliceway::testing {
namespace {

/// As many as a process may have with the usual 20,000 descriptors, two a session.
constexpr std::size_t kSessions = 9000;

void AllowManyDescriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// The other ends of the sessions, in a process of their own, for their descriptors.
pid_t StartPeers(const SocketAddress& engine, const Listener& backend, std::size_t sessions) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<UniqueFd> ends;
  for (std::size_t session = 0; session < sessions; ++session) {
    ends.push_back(ConnectTo(engine));
    ends.push_back(AwaitClient(backend));
  }
  for (;;) pause();
}

TEST("teardown") {
  AllowManyDescriptors();
  double shortest = 0;
  std::size_t sessions = 0;
  for (int time = 0; time < 5; ++time) {
    const Listener backend = ListenTcp(1024);
    EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1});
    sessions = std::min(kSessions, engine->max_sessions());
    const SocketAddress address = engine.ListenFor(backend);
    const pid_t peers = StartPeers(address, backend, sessions);
    AwaitThat(
        [&] {
          return engine->counters()->Backend(0, 0).open.value() +
                     engine->counters()->Backend(1, 0).open.value() ==
                 sessions;
        },
        "the sessions");
    const double seconds = SecondsOf([&] { engine.Stop(); }, 1);
    shortest = time == 0 ? seconds : std::min(shortest, seconds);
    kill(peers, SIGKILL);
    waitpid(peers, nullptr, 0);
  }
  Report("the end of an engine of 2 loops with " + std::to_string(sessions) + " sessions",
         shortest * 1e3, "ms");
}

}  // namespace
}  // namespace spliceway::testing
