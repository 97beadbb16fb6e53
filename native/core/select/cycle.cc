#include "select/cycle.h"

#include <algorithm>
#include <utility>

namespace spliceway {

Cycle::Cycle(std::vector<std::uint16_t> rows, Weights weights, std::shared_ptr<Turn> turn)
    : rows_(std::move(rows)),
      turn_(std::move(turn)),
      // Rounded up: each place is met once a round. After 2^24 picks at least, one is passed over.
      step_((Turn::kRound + rows_.size() - 1) / rows_.size()) {
  const auto [least, most] = std::minmax_element(rows_.begin(), rows_.end());
  first_row_ = *least;
  row_span_ = std::size_t{*most} - *least + 1;
  constexpr std::uint16_t kUnmet = 0xFFFF;  // No row, and so no member, has this number.
  // Of the numbers between theirs nothing is touched, and they may be many: a pool has some of all
  // backends.
  const auto member_of = std::make_unique_for_overwrite<std::uint16_t[]>(row_span_);
  for (const std::uint16_t row : rows_) member_of[row - first_row_] = kUnmet;
  for (const std::uint16_t row : rows_) {
    std::uint16_t& member = member_of[row - first_row_];
    if (member != kUnmet) continue;
    member = static_cast<std::uint16_t>(members_.size());
    members_.push_back(row);
  }
  members_.shrink_to_fit();
  if (weights == Weights::kNotKept) return;
  weights_.resize(members_.size());
  member_at_.reserve(rows_.size());
  for (const std::uint16_t row : rows_) {
    member_at_.push_back(member_of[row - first_row_]);
    ++weights_[member_at_.back()];
  }
}

}  // namespace spliceway
