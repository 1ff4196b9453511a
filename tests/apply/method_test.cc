#include "apply/method.h"

#include <gtest/gtest.h>

namespace walrelay::apply {
namespace {

TEST(ChooseMethods, SendsFewRowsTogether) {
  const Methods methods =
      ChooseMethods({.deletes = 20, .updates = 30, .inserts = 150, .bytes = 9'000}, true);
  EXPECT_EQ(methods.changes, Method::kPipeline);
  EXPECT_FALSE(methods.copy_inserts);
}

TEST(ChooseMethods, StagesManyChanges) {
  const Methods methods = ChooseMethods({.deletes = 100, .updates = 101, .bytes = 9'000}, true);
  EXPECT_EQ(methods.changes, Method::kStaging);
  EXPECT_FALSE(methods.copy_inserts) << "there are none";
}

TEST(ChooseMethods, StagesFewChangesThatAreLarge) {
  EXPECT_EQ(ChooseMethods({.updates = 3, .bytes = 1'000'000}, true).changes, Method::kStaging);
}

TEST(ChooseMethods, CopiesManyInsertsAndSendsTheFewChangesBesideThem) {
  const Methods methods = ChooseMethods({.updates = 50, .inserts = 5'000, .bytes = 500'000}, true);
  EXPECT_TRUE(methods.copy_inserts);
  EXPECT_EQ(methods.changes, Method::kPipeline);
}

TEST(ChooseMethods, CopiesManyInsertsAndStagesTheManyChangesBesideThem) {
  const Methods methods = ChooseMethods({.updates = 900, .inserts = 900, .bytes = 90'000}, true);
  EXPECT_TRUE(methods.copy_inserts);
  EXPECT_EQ(methods.changes, Method::kStaging);
}

TEST(ChooseMethods, StagesInsertsThatMayNotBeCopied) {
  const Methods methods = ChooseMethods({.inserts = 5'000, .bytes = 500'000}, false);
  EXPECT_FALSE(methods.copy_inserts);
  EXPECT_EQ(methods.changes, Method::kStaging);
}

TEST(CopyChance, IsTakenWhileItSucceeds) {
  CopyChance chance;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(chance.Try());
    chance.Succeeded();
  }
}

TEST(ChooseMethods, OfNothing) {
  const Methods methods = ChooseMethods({.bytes = size_t{1} << 20}, true);
  EXPECT_EQ(methods.changes, Method::kPipeline);
  EXPECT_FALSE(methods.copy_inserts);
}

// Batches until the next try.
int Wait(CopyChance& chance) {
  int batches = 0;
  while (!chance.Try()) ++batches;
  return batches;
}

TEST(CopyChance, WaitsTwiceAsLongAfterEachFailureUpToALimit) {
  CopyChance chance;
  chance.Failed();
  EXPECT_EQ(Wait(chance), 4);
  chance.Failed();
  EXPECT_EQ(Wait(chance), 8);
  for (int i = 0; i < 20; ++i) {
    chance.Failed();
    EXPECT_LE(Wait(chance), 1024);
  }
  chance.Succeeded();
  chance.Failed();
  EXPECT_EQ(Wait(chance), 4) << "a success forgets";
}

}  // namespace
}  // namespace walrelay::apply
