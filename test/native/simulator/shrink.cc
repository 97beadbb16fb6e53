#include "shrink.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>

namespace spliceway::simulator {
namespace {

using Clock = std::chrono::steady_clock;

/// That one shrinking takes.
constexpr std::chrono::seconds kMostTime{30};
/// That one schedule takes in it: the longest is a tenth of that.
constexpr unsigned kMostSeconds = 2;

/// Without the numbers in it, which differ between schedules that fail for the same reason.
std::string Kind(std::string failure) {
  std::erase_if(failure,
                [](char letter) { return std::isdigit(static_cast<unsigned char>(letter)) != 0; });
  return failure;
}

class Shrinker {
 public:
  explicit Shrinker(const Tried& failed) : best_(failed.record), kind_(Kind(failed.failure)) {}

  std::vector<std::uint32_t> Run() {
    bool better = true;
    while (better && !is_late()) {
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
  [[nodiscard]] bool is_late() const { return Clock::now() - start_ > kMostTime; }

  bool Keep(std::vector<std::uint32_t> record) {
    if (is_late()) return false;
    Tried tried = Try(Choices(record), {}, kMostSeconds);
    if (Kind(tried.failure) != kind_) return false;
    // Past the end of a record everything is 0.
    tried.record.resize(std::min(tried.record.size(), record.size()));
    best_ = std::move(tried.record);
    return true;
  }

  std::vector<std::uint32_t> best_;
  std::string kind_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace

std::vector<std::uint32_t> Shrink(const Tried& failed) { return Shrinker(failed).Run(); }

}  // namespace spliceway::simulator
