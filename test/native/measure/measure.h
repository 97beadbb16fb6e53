#pragma once

#include <chrono>
#include <string>

/// Micro-measurements: each is a `TEST` that reports figures in place of checking them. They are
/// for comparing two states of the core on one machine, one after the other.
namespace spliceway::testing {

/// Gives a figure. The last one of the same words counts, so a measurement may be repeated.
/// `unit` is as "ns a pick".
void Report(const std::string& what, double value, const char* unit);

/// Seconds that `work` takes: the shortest of `times`, since whatever else runs only adds to it.
template <typename Work>
double SecondsOf(Work work, int times = 5) {
  double shortest = 0;
  for (int time = 0; time < times; ++time) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (time == 0 || took.count() < shortest) shortest = took.count();
  }
  return shortest;
}

}  // namespace spliceway::testing
