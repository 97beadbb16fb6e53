#include <cstdio>

#include "measure.h"

namespace spliceway::testing {

void Report(const std::string& what, double value, const char* unit) {
  std::printf("{\"what\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"}\n", what.c_str(), value, unit);
  std::fflush(stdout);
}

}  // namespace spliceway::testing
