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

}  // namespace

Register::Register(const char* name, void (*body)()) { Tests().push_back({name, body}); }

void Fail(const char* file, int line, const std::string& what) {
  current_failed = true;
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

/// Runs the tests whose name contains `filter`; returns the process's exit status.
int Run(const char* filter) {
  int failed = 0;
  int passed = 0;
  for (const Test& test : Tests()) {
    if (std::strstr(test.name, filter) == nullptr) continue;
    current_failed = false;
    std::printf("- %s\n", test.name);
    std::fflush(stdout);
    test.body();
    if (current_failed) std::printf("  FAILED\n");
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
  return spliceway::testing::Run(count > 1 ? arguments[1] : "");
}
