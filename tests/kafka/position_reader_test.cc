#include "kafka/position_reader.h"

#include <gtest/gtest.h>

#include "kafka/position_codec.h"

namespace walrelay::kafka {
namespace {

OwnedRecord Stored(int64_t offset, int64_t generation, uint64_t end_lsn, bool claimed = true) {
  PositionRecord position;
  position.generation = generation;
  position.end_lsn = Lsn{end_lsn};
  position.claimed = claimed;
  OwnedRecord record;
  record.offset = offset;
  record.key = "s";
  record.value = EncodePosition(position);
  return record;
}

int64_t Chosen(const std::vector<OwnedRecord>& records) {
  const auto chosen = ChoosePosition(records);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  return *chosen ? (*chosen)->offset : -1;
}

TEST(ChoosePosition, TakesTheNewest) {
  EXPECT_EQ(Chosen({}), -1);
  EXPECT_EQ(Chosen({Stored(1, 4, 10), Stored(2, 4, 20)}), 2);
  EXPECT_EQ(Chosen({Stored(1, 4, 20), Stored(2, 5, 10)}), 2) << "even where it says less";
}

TEST(ChoosePosition, PassesOverALateRequestOfADeadProcess) {
  EXPECT_EQ(Chosen({Stored(1, 4, 10), Stored(2, 5, 10), Stored(3, 4, 20)}), 2);
}

TEST(ChoosePosition, OfTwoThatClaimTheSameGenerationTheFirstHasIt) {
  EXPECT_EQ(Chosen({Stored(1, 5, 10, false), Stored(2, 5, 20, false)}), 1);
  EXPECT_EQ(Chosen({Stored(1, 5, 10, false), Stored(2, 5, 0, false), Stored(3, 5, 20)}), 3);
  EXPECT_EQ(Chosen({Stored(1, 5, 20), Stored(2, 5, 0, false)}), 1);
}

TEST(ChoosePosition, RecordsOfBeforeGenerationsCountByAge) {
  EXPECT_EQ(Chosen({Stored(1, 0, 10, false), Stored(2, 0, 20, false)}), 2);
}

TEST(ChoosePosition, StopsAtADeletion) {
  OwnedRecord deleted = Stored(2, 0, 0);
  deleted.value.reset();
  EXPECT_EQ(Chosen({Stored(1, 4, 10), deleted}), -1);
  EXPECT_EQ(Chosen({Stored(1, 4, 10), deleted, Stored(3, 1, 0)}), 3);
}

TEST(ChoosePosition, RefusesWhatDoesNotParse) {
  OwnedRecord bad = Stored(1, 0, 0);
  bad.value = "{";
  EXPECT_FALSE(ChoosePosition({{bad}}).ok());
}

}  // namespace
}  // namespace walrelay::kafka
