#include "apply/plan.h"

#include <gtest/gtest.h>

namespace walrelay::apply {
namespace {

const Cell kNull{CellState::kNull, {}};
const Cell kUnsent{CellState::kUnsent, {}};
Cell Text(std::string_view text) { return {CellState::kText, text}; }
ChangeInfo Op(char op) {
  ChangeInfo info;
  info.op = op;
  return info;
}

// Column 0 is the key.
class Collapse : public ::testing::Test {
 protected:
  void Upsert(std::vector<Cell> cells, ChangeInfo info = Op('u')) { batch.Upsert(cells, info); }
  void Delete(std::string_view key, ChangeInfo info = Op('d')) {
    const Cell cells[] = {Text(key), Cell(), Cell()};
    batch.Delete(cells, info);
  }
  // The cells of the only row that is written.
  std::vector<Cell> OnlyRow() {
    const TableBatch::Plan plan = batch.MakePlan();
    EXPECT_EQ(plan.upserts.size(), 1u);
    EXPECT_EQ(plan.upserts.at(0).entries.size(), 1u);
    const Cells cells = batch.cells(plan.upserts.at(0).entries.at(0));
    return {cells.begin(), cells.end()};
  }
  TableBatch batch{std::vector<uint16_t>{0}};
};

TEST_F(Collapse, KeepsTheLastChangeOfEachKey) {
  Upsert({Text("1"), Text("a"), Text("x")}, Op('c'));
  Upsert({Text("2"), Text("b"), Text("y")}, Op('c'));
  Upsert({Text("1"), Text("c"), kNull});
  const TableBatch::Plan plan = batch.MakePlan();
  ASSERT_EQ(plan.upserts.size(), 1u);
  ASSERT_EQ(plan.upserts[0].entries.size(), 2u);
  EXPECT_EQ(batch.cell(plan.upserts[0].entries[0], 1), Text("c"));
  EXPECT_EQ(batch.cell(plan.upserts[0].entries[0], 2), kNull);
  EXPECT_TRUE(plan.deletes.empty());
}

TEST_F(Collapse, LetsTheEarlierValueWinThroughWhereALaterOneWasNotSent) {
  Upsert({Text("1"), Text("a"), Text("long")}, Op('c'));
  Upsert({Text("1"), Text("b"), kUnsent});
  EXPECT_EQ(OnlyRow(), (std::vector<Cell>{Text("1"), Text("b"), Text("long")}));
}

TEST_F(Collapse, LeavesOutColumnsThatWereNeverSent) {
  Upsert({Text("1"), Text("a"), kUnsent});
  Upsert({Text("2"), Text("b"), Text("sent")});
  const TableBatch::Plan plan = batch.MakePlan();
  ASSERT_EQ(plan.upserts.size(), 2u);
  EXPECT_EQ(plan.upserts[0].columns, (std::vector<uint16_t>{0, 1}));
  EXPECT_EQ(plan.upserts[1].columns, (std::vector<uint16_t>{0, 1, 2}));
  EXPECT_EQ(plan.unsent.size(), 1u) << "the row has it, if it is there";
}

TEST_F(Collapse, DeletesARowFirstThatComesBack) {
  Delete("1");
  Upsert({Text("1"), Text("new"), kUnsent}, Op('c'));
  const TableBatch::Plan plan = batch.MakePlan();
  EXPECT_EQ(plan.deletes.size(), 1u);
  ASSERT_EQ(plan.upserts.size(), 1u);
  EXPECT_EQ(plan.upserts[0].columns, (std::vector<uint16_t>{0, 1}))
      << "nothing of the old row may shine through";
  EXPECT_EQ(plan.unsent.size(), 1u);
}

TEST_F(Collapse, ForgetsValuesFromBeforeADelete) {
  Upsert({Text("1"), Text("old"), Text("old")}, Op('c'));
  Delete("1");
  Upsert({Text("1"), Text("new"), kUnsent}, Op('c'));
  EXPECT_EQ(OnlyRow(), (std::vector<Cell>{Text("1"), Text("new"), kUnsent}));
}

TEST_F(Collapse, PutsRowsThatTheBatchMadeLast) {
  Upsert({Text("1"), Text("new"), kNull}, Op('c'));
  Upsert({Text("2"), Text("changed"), kNull});
  Upsert({Text("1"), Text("and changed"), kNull});
  Delete("3");
  Upsert({Text("3"), Text("back"), kNull});
  Upsert({Text("4"), Text("read"), kNull}, Op('r'));
  const TableBatch::Plan plan = batch.MakePlan();
  ASSERT_EQ(plan.upserts.size(), 2u);
  EXPECT_FALSE(plan.upserts[0].is_new);
  EXPECT_EQ(plan.upserts[0].entries.size(), 1u);
  EXPECT_TRUE(plan.upserts[1].is_new);
  EXPECT_EQ(plan.upserts[1].entries.size(), 3u);
  const TableLoad load = plan.Load(77);
  EXPECT_EQ(load.deletes, 1u);
  EXPECT_EQ(load.updates, 1u);
  EXPECT_EQ(load.inserts, 3u);
  EXPECT_EQ(load.bytes, 77u);
}

TEST_F(Collapse, EndsWithADelete) {
  Upsert({Text("1"), Text("a"), Text("x")}, Op('c'));
  Delete("1");
  const TableBatch::Plan plan = batch.MakePlan();
  EXPECT_EQ(plan.deletes.size(), 1u);
  EXPECT_TRUE(plan.upserts.empty());
}

TEST_F(Collapse, TakesUnsentValuesOfAKeyChangeFromTheBatch) {
  Upsert({Text("1"), Text("a"), Text("long")}, Op('c'));
  Delete("1", {.op = 'd', .has_new_key = true, .lsn = "77"});
  Upsert({Text("2"), Text("b"), kUnsent}, {.op = 'c', .has_old_key = true, .lsn = "77"});
  const TableBatch::Plan plan = batch.MakePlan();
  EXPECT_EQ(OnlyRow(), (std::vector<Cell>{Text("2"), Text("b"), Text("long")}));
}

TEST_F(Collapse, LooksUnsentValuesOfAKeyChangeUpInTheOldRow) {
  Delete("1", {.op = 'd', .has_new_key = true, .lsn = "77"});
  Upsert({Text("2"), Text("b"), kUnsent}, {.op = 'c', .has_old_key = true, .lsn = "77"});
  TableBatch::Plan plan = batch.MakePlan();
  ASSERT_EQ(plan.lookups.size(), 1u);
  EXPECT_EQ(batch.cell(plan.lookups[0].from, 0), Text("1"));
  const Cell found[] = {Text("1"), Text("old"), Text("long")};
  batch.Fill(plan.lookups[0].entry, found);
  EXPECT_EQ(OnlyRow(), (std::vector<Cell>{Text("2"), Text("b"), Text("long")}))
      << "only what was not sent is filled";
  plan = batch.MakePlan();
  EXPECT_TRUE(plan.lookups.empty());
  EXPECT_TRUE(plan.unsent.empty());
}

TEST_F(Collapse, FollowsAChainOfKeyChangesToItsFirstRow) {
  Delete("1", {.op = 'd', .has_new_key = true, .lsn = "77"});
  Upsert({Text("2"), Text("b"), kUnsent}, {.op = 'c', .has_old_key = true, .lsn = "77"});
  Delete("2", {.op = 'd', .has_new_key = true, .lsn = "88"});
  Upsert({Text("3"), kUnsent, kUnsent}, {.op = 'c', .has_old_key = true, .lsn = "88"});
  const TableBatch::Plan plan = batch.MakePlan();
  ASSERT_EQ(plan.lookups.size(), 1u);
  EXPECT_EQ(batch.cell(plan.lookups[0].from, 0), Text("1"));
  EXPECT_EQ(batch.cell(plan.lookups[0].entry, 1), Text("b"));
}

TEST_F(Collapse, KeepsHalfAKeyChangeForTheOtherHalf) {
  Delete("1", {.op = 'd', .has_new_key = true, .lsn = "77"});
  Upsert({Text("9"), Text("b"), kUnsent}, {.op = 'c', .has_old_key = true, .lsn = "66"});
  TableBatch::Plan plan = batch.MakePlan();
  ASSERT_EQ(plan.departures.size(), 1u);
  EXPECT_EQ(plan.departures[0].lsn, "77");
  ASSERT_EQ(plan.arrivals.size(), 1u);
  EXPECT_EQ(plan.arrivals[0], "66");
  const Cell kept[] = {Text("8"), Text("old"), Text("long")};
  batch.FillAwaiting("66", kept);
  EXPECT_EQ(OnlyRow(), (std::vector<Cell>{Text("9"), Text("b"), Text("long")}));
}

TEST_F(Collapse, CountsARowWhoseOldRowIsNotKnown) {
  Upsert({Text("2"), Text("b"), kUnsent}, {.op = 'c', .has_old_key = true, .lsn = "99"});
  EXPECT_EQ(batch.MakePlan().unsent.size(), 1u);
}

TEST_F(Collapse, ForgetsEverythingBeforeATruncate) {
  Upsert({Text("1"), Text("a"), Text("x")}, Op('c'));
  batch.Truncate();
  Upsert({Text("2"), Text("b"), Text("y")}, Op('c'));
  const TableBatch::Plan plan = batch.MakePlan();
  EXPECT_TRUE(plan.truncate);
  EXPECT_EQ(OnlyRow()[0], Text("2"));
}

TEST_F(Collapse, WidensRowsWhenAColumnIsAdded) {
  const Cell narrow[] = {Text("1"), Text("a")};
  batch.Upsert(narrow, Op('c'));
  Upsert({Text("1"), kUnsent, Text("added")});
  EXPECT_EQ(OnlyRow(), (std::vector<Cell>{Text("1"), Text("a"), Text("added")}));
}

TEST(CollapseKeys, TellsApartWhatJoinedTextWouldNot) {
  TableBatch batch({0, 1});
  const Cell a[] = {Text("1"), Text("11")};
  const Cell b[] = {Text("11"), Text("1")};
  const Cell c[] = {kNull, Text("n")};
  const Cell d[] = {Text("n"), kNull};
  for (const auto& cells : {a, b, c, d}) batch.Upsert({cells, 2}, Op('c'));
  EXPECT_EQ(batch.MakePlan().Load(0).rows(), 4u);
}

TEST(CollapseWithoutKey, KeepsEveryChangeInOrder) {
  TableBatch batch({});
  const Cell row[] = {Text("same")};
  batch.Upsert(row, Op('c'));
  batch.Upsert(row, Op('c'));
  batch.Delete(row, Op('d'));
  ASSERT_EQ(batch.changes(), 3u);
  EXPECT_FALSE(batch.entry(1).is_delete);
  EXPECT_TRUE(batch.entry(2).is_delete);
}

TEST(Arena, KeepsTextsWhereTheyAre) {
  Arena arena;
  std::vector<std::string_view> texts;
  for (int i = 0; i < 50'000; ++i) texts.push_back(arena.Copy(std::to_string(i)));
  const std::string_view big = arena.Copy(std::string(1'000'000, 'b'));
  for (int i = 0; i < 50'000; ++i) ASSERT_EQ(texts[static_cast<size_t>(i)], std::to_string(i));
  EXPECT_EQ(big.size(), 1'000'000u);
  arena.Clear();
  EXPECT_EQ(arena.size(), 0u);
  EXPECT_EQ(arena.Copy("again"), "again");
}

}  // namespace
}  // namespace walrelay::apply
