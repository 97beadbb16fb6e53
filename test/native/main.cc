#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "check.h"
#include "meter.h"

namespace spliceway::testing {
namespace {

struct Test {
  const char* name;
  void (*body)();
};

std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

bool current_failed = false;

/// Seconds. What is quicker is never among the slowest.
constexpr double kWorthTelling = 0.1;

}  // namespace

Register::Register(const char* name, void (*body)()) { Tests().push_back({name, body}); }

void Fail(const char* file, int line, const std::string& what) {
  current_failed = true;
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

/// One of several parts of the tests, which processes can run side by side.
struct Part {
  std::size_t number = 1;
  std::size_t of = 1;
};

/// `2/3` is the second of three.
Part ParsePart(const char* text) {
  Part part;
  if (std::sscanf(text, "%zu/%zu", &part.number, &part.of) != 2) return {};
  return part;
}

/// Runs the tests of a part whose name contains `filter`; returns the process's exit status.
int Run(const char* filter, Part part) {
  int failed = 0;
  int passed = 0;
  std::size_t number = 0;
  for (const Test& test : Tests()) {
    if (std::strstr(test.name, filter) == nullptr) continue;
    if (number++ % part.of != part.number - 1) continue;
    current_failed = false;
    std::printf("- %s\n", test.name);
    std::fflush(stdout);
    const auto begin = std::chrono::steady_clock::now();
    test.body();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (current_failed) std::printf("  FAILED\n");
    if (took.count() >= kWorthTelling) std::printf("  %.2f s\n", took.count());
    ++(current_failed ? failed : passed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace spliceway::testing

int main(int count, char** arguments) {
  // splice has no MSG_NOSIGNAL, so whoever splices ignores SIGPIPE.
  std::signal(SIGPIPE, SIG_IGN);
  const spliceway::testing::MeasuredScope unmeasured(false);
  return spliceway::testing::Run(count > 1 ? arguments[1] : "",
                                 spliceway::testing::ParsePart(count > 2 ? arguments[2] : "1/1"));
}
