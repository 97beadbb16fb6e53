#include "shrink.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "choices.h"
#include "world.h"

namespace spliceway::simulator {
namespace {

/// Steps that one shrinking takes at most, in all the schedules that it runs: some ten seconds.
constexpr std::uint64_t kMostSteps = 20'000'000;

/// Without the numbers in it, which differ between schedules that fail for the same reason.
std::string Kind(std::string failure) {
  std::erase_if(failure,
                [](char letter) { return std::isdigit(static_cast<unsigned char>(letter)) != 0; });
  return failure;
}

class Shrinker {
 public:
  Shrinker(std::vector<std::uint32_t> record, std::string kind)
      : best_(std::move(record)), kind_(std::move(kind)) {}

  std::vector<std::uint32_t> Run() {
    bool better = true;
    while (better && steps_ < kMostSteps) {
      better = false;
      for (std::size_t length = std::max<std::size_t>(best_.size() / 2, 1); length > 0;
           length /= 2) {
        for (std::size_t at = 0; at + length <= best_.size();) {
          std::vector<std::uint32_t> without = best_;
          const auto begin = without.begin() + static_cast<std::ptrdiff_t>(at);
          without.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
          if (Keep(std::move(without))) {
            better = true;
          } else {
            at += length;
          }
        }
      }
      for (std::size_t at = 0; at < best_.size(); ++at) {
        for (const std::uint32_t smaller : {0U, best_[at] / 2, best_[at] - 1}) {
          if (at >= best_.size() || smaller >= best_[at]) continue;
          std::vector<std::uint32_t> changed = best_;
          changed[at] = smaller;
          if (Keep(std::move(changed))) better = true;
        }
      }
    }
    return best_;
  }

 private:
  bool Keep(std::vector<std::uint32_t> record) {
    if (steps_ > kMostSteps) return false;
    Choices choices(record);
    const Outcome outcome = World(choices, {}).Run();
    steps_ += outcome.steps + 1;
    if (Kind(outcome.failure) != kind_) return false;
    record.resize(std::min(record.size(), choices.used()));
    best_ = std::move(record);
    return true;
  }

  std::vector<std::uint32_t> best_;
  std::string kind_;
  std::uint64_t steps_ = 0;
};

}  // namespace

std::vector<std::uint32_t> Shrink(std::vector<std::uint32_t> record, const std::string& failure) {
  return Shrinker(std::move(record), Kind(failure)).Run();
}

}  // namespace spliceway::simulator
