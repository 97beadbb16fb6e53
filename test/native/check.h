#pragma once

#include <cstdio>
#include <functional>
#include <sstream>
#include <string>

/// A test runner of the size that these tests need, so that they build wherever the addon builds:
/// no framework has to be installed first.
///
///     TEST("what it shows") {
///       CHECK(condition);
///       CHECK_EQUAL(actual, expected);
///     }
namespace spliceway::testing {

/// Adds a test to the list that `main` runs.
struct Register {
  Register(const char* name, void (*body)());
};

/// Marks the running test as failed and says where.
void Fail(const char* file, int line, const std::string& what);

template <typename Actual, typename Expected>
void CheckEqual(const Actual& actual, const Expected& expected, const char* text, const char* file,
                int line) {
  if (actual == expected) return;
  std::ostringstream out;
  out << text << ": got " << actual << ", expected " << expected;
  Fail(file, line, out.str());
}

}  // namespace spliceway::testing

#define SPLICEWAY_JOIN_(a, b) a##b
#define SPLICEWAY_JOIN(a, b) SPLICEWAY_JOIN_(a, b)
#define TEST(name) SPLICEWAY_TEST(name, SPLICEWAY_JOIN(test_, __LINE__))
#define SPLICEWAY_TEST(name, id)                                                              \
  static void id();                                                                           \
  static const ::spliceway::testing::Register SPLICEWAY_JOIN(id, _registered)((name), &(id)); \
  static void id()

#define CHECK(condition)                                                          \
  do {                                                                            \
    if (!(condition)) ::spliceway::testing::Fail(__FILE__, __LINE__, #condition); \
  } while (false)

#define CHECK_EQUAL(actual, expected) \
  ::spliceway::testing::CheckEqual((actual), (expected), #actual, __FILE__, __LINE__)
