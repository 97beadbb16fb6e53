#pragma once

#include "check.h"
#include "relay/relay.h"

/// A test of a rule that holds however bytes are moved: registered three times, and `transfer` in
/// its body says which it is.
///
///     EVERY_TRANSFER_TEST("what it shows") {
///       Harness harness({.transfer = transfer});
///     }
#define EVERY_TRANSFER_TEST(name) \
  SPLICEWAY_EVERY_TRANSFER_TEST(name, SPLICEWAY_JOIN(test_, __LINE__))
#define SPLICEWAY_EVERY_TRANSFER_TEST(name, id)   \
  static void id(::spliceway::Transfer transfer); \
  SPLICEWAY_TRANSFER_TEST(name, id, kSplice)      \
  SPLICEWAY_TRANSFER_TEST(name, id, kAuto)        \
  SPLICEWAY_TRANSFER_TEST(name, id, kCopy)        \
  static void id(::spliceway::Transfer transfer)
#define SPLICEWAY_TRANSFER_TEST(name, id, mode)                         \
  static const ::spliceway::testing::Register SPLICEWAY_JOIN(id, mode)( \
      name " [" #mode "]", [] { id(::spliceway::Transfer::mode); });
