// Where values are counted.

#include "stats/histogram.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "check.h"
#include "stats/histogram_rows.h"

namespace spliceway::testing {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

/// The largest values of all buckets but the last, found by trying.
std::vector<std::uint64_t> EdgesFrom(unsigned first) {
  std::vector<std::uint64_t> edges;
  for (std::size_t bucket = 0; bucket + 1 < HistogramBuckets::kCount; ++bucket) {
    std::uint64_t in = edges.empty() ? 0 : edges.back() + 1;
    std::uint64_t above = kMost;
    CHECK_EQUAL(HistogramBuckets::Of(in, first), bucket);
    while (above - in > 1) {
      const std::uint64_t middle = in + (above - in) / 2;
      (HistogramBuckets::Of(middle, first) > bucket ? above : in) = middle;
    }
    edges.push_back(in);
  }
  return edges;
}

TEST("histogram: the edges of a decade are in three linear parts, and each is in its bucket") {
  constexpr std::uint64_t kTenths[] = {12, 14, 16, 18, 20, 25, 30, 35,
                                       40, 45, 50, 60, 70, 80, 90, 100};
  for (const unsigned first : {1U, 2U, 3U, 11U}) {
    std::uint64_t power = 1;
    for (unsigned step = 0; step < first; ++step) power *= 10;
    std::vector<std::uint64_t> expected{power};
    for (std::size_t decade = 0; decade < HistogramBuckets::kDecades; ++decade, power *= 10) {
      for (const std::uint64_t tenths : kTenths) expected.push_back(tenths * (power / 10));
    }
    CHECK(EdgesFrom(first) == expected);
  }
}

TEST("histogram: there is a bucket for the smallest value and for the largest") {
  CHECK_EQUAL(HistogramBuckets::Of(0, 1), 0U);
  CHECK_EQUAL(HistogramBuckets::Of(1, 1), 0U);
  CHECK_EQUAL(HistogramBuckets::Of(kMost, 1), HistogramBuckets::kCount - 1);
  CHECK_EQUAL(HistogramBuckets::Of(kMost, 11), HistogramBuckets::kCount - 1);
}

TEST("histogram: values are counted, and added up") {
  HistogramCounts histogram;
  CHECK_EQUAL(histogram.count(), 0U);
  for (const std::uint64_t value : {0U, 10U, 11U, 1'000'000U}) histogram.Note(value, 1);
  CHECK_EQUAL(histogram.count(), 4U);
  CHECK_EQUAL(histogram.in(0), 2U);
  CHECK_EQUAL(histogram.in(1), 1U);
  Reset(histogram);
  CHECK_EQUAL(histogram.count(), 0U);
}

TEST("histogram: what is measured of a pool is added up apart, and cleared at once") {
  HistogramRow row;
  row.Note(Measured::kConnect, 12);
  row.Note(Measured::kConnect, 1'000'000);
  row.Note(Measured::kBytes, 5);
  CHECK_EQUAL(row.count(Measured::kConnect), 2U);
  CHECK_EQUAL(row.sum(Measured::kConnect), 1'000'012U);
  CHECK_EQUAL(row.sum(Measured::kBytes), 5U);
  CHECK_EQUAL(row.count(Measured::kQueue) + row.sum(Measured::kQueue), 0U);
  Reset(row);
  CHECK_EQUAL(row.count(Measured::kConnect) + row.sum(Measured::kConnect), 0U);
}

TEST("histogram: a pool has rows once somebody counts, one a writer, and keeps them") {
  HistogramRows rows(2);
  constexpr std::uint16_t kLast = 0xFFFE;
  CHECK(rows.Of(kLast).empty());
  HistogramRow& row = rows.Row(1, kLast);
  row.Note(Measured::kBytes, 7);
  CHECK(rows.Of(0).empty());
  CHECK_EQUAL(rows.Of(kLast).size(), 2U);
  CHECK(&rows.Of(kLast)[1] == &row);
  CHECK(&rows.Row(1, kLast) == &row);
  CHECK_EQUAL(rows.Of(kLast)[0].count(Measured::kBytes), 0U);
  CHECK_EQUAL(rows.Of(kLast)[1].sum(Measured::kBytes), 7U);
}

}  // namespace
}  // namespace spliceway::testing
