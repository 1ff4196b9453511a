#include "wal/pgoutput.h"

#include <gtest/gtest.h>

#include "base/status.h"
#include "tests/wal/describe.h"
#include "tests/wal/wire.h"

namespace walrelay::wal {
namespace {

using namespace std::literals;

constexpr uint32_t kTable = 16'400;

// A decoder inside a transaction that commits at 0/1000, knowing public.t.
class PgoutputTest : public testing::Test {
 protected:
  void SetUp() override {
    Good(BeginMessage(0x1000));
    Good(RelationMessage(kTable));
  }
  // The message is copied, so that the sanitizer sees views that leave it.
  std::string Good(const std::string& message) {
    message_ = std::make_unique<std::string>(message);
    const auto change = decoder_.Decode(*message_);
    EXPECT_TRUE(change.ok()) << change.status();
    return change.ok() ? Describe(**change) : std::string();
  }
  std::string Bad(const std::string& message) {
    const auto change = decoder_.Decode(message);
    EXPECT_EQ(change.status().code(), absl::StatusCode::kDataLoss);
    return std::string(Message(change.status()));
  }
  template <class T>
  const T& Decoded(const std::string& message) {
    message_ = std::make_unique<std::string>(message);
    const auto change = decoder_.Decode(*message_);
    EXPECT_TRUE(change.ok()) << change.status();
    return std::get<T>(**change);
  }

  Decoder decoder_;
  std::unique_ptr<std::string> message_;
};

std::string InsertOf(const std::vector<std::optional<std::string_view>>& values) {
  return Wire('I').U32(kTable).Raw("N").Tuple(values);
}

TEST_F(PgoutputTest, DecodesTheFrameOfATransaction) {
  Good(CommitMessage(0x1000));
  const Begin& begin = Decoded<Begin>(BeginMessage(0x2000, 4'000'000'000));
  EXPECT_EQ(begin.final_lsn, Lsn{0x2000});
  EXPECT_EQ(begin.commit_time_micros, 1'700'000'000'000'000);
  EXPECT_EQ(begin.xid, Xid{4'000'000'000});
  EXPECT_TRUE(decoder_.in_transaction());
  const Commit& commit = Decoded<Commit>(CommitMessage(0x2000));
  EXPECT_EQ(commit.commit_lsn, Lsn{0x2000});
  EXPECT_EQ(commit.end_lsn, Lsn{0x2008});
  EXPECT_FALSE(decoder_.in_transaction());
}

TEST_F(PgoutputTest, DecodesARelationWithBytesAsTheyAre) {
  const Relation relation = *Decoded<RelationChange>(Wire('R')
                                                         .U32(9)
                                                         .Str("sch\xff\"")
                                                         .Str("größe")
                                                         .U8('i')
                                                         .U16(2)
                                                         .U8(0)
                                                         .Str("a b")
                                                         .U32(1043)
                                                         .U32(14)
                                                         .U8(1)
                                                         .Str("")
                                                         .U32(16'500)
                                                         .U32(0xFFFFFFFF))
                                 .relation;
  EXPECT_EQ(relation.schema, "sch\xff\"");
  EXPECT_EQ(relation.table, "größe");
  EXPECT_EQ(relation.identity, ReplicaIdentity::kIndex);
  EXPECT_EQ(relation.columns[0],
            (RelationColumn{.name = "a b", .type = Oid{1043}, .typmod = 14, .identity = false}));
  EXPECT_EQ(relation.columns[1],
            (RelationColumn{.name = "", .type = Oid{16'500}, .typmod = -1, .identity = true}));
}

TEST_F(PgoutputTest, ReadsAnEmptySchemaAsPgCatalog) {
  const auto& change = Decoded<RelationChange>(Wire('R').U32(9).Str("").Str("t").U8('n').U16(0));
  EXPECT_EQ(change.relation->schema, "pg_catalog");
  EXPECT_TRUE(change.relation->columns.empty());
  EXPECT_EQ(Good(Wire('Y').U32(70'000).Str("").Str("mood")), "type pg_catalog.mood");
}

TEST_F(PgoutputTest, DecodesRows) {
  EXPECT_EQ(Good(InsertOf({"1", std::nullopt})), "insert t (1, null)");
  EXPECT_EQ(Good(InsertOf({"2", ""})), "insert t (2, )");
  EXPECT_EQ(Good(Wire('U').U32(kTable).Raw("N").Tuple({"1", "b"})), "update t (1, b)");
  EXPECT_EQ(
      Good(Wire('U').U32(kTable).Raw("K").Tuple({"1", std::nullopt}).Raw("N").Tuple({"3", "b"})),
      "update t key (1, null) (3, b)");
  EXPECT_EQ(Good(Wire('U').U32(kTable).Raw("O").Tuple({"1", "a"}).Raw("N").Tuple({"1", "b"})),
            "update t old (1, a) (1, b)");
  EXPECT_EQ(Good(Wire('D').U32(kTable).Raw("K").Tuple({"1", std::nullopt})),
            "delete t key (1, null)");
  EXPECT_EQ(Good(Wire('D').U32(kTable).Raw("O").Tuple({"1", "a"})), "delete t old (1, a)");
}

TEST_F(PgoutputTest, AnUpdateWithoutOldTupleForgetsTheOneBefore) {
  Good(Wire('U').U32(kTable).Raw("O").Tuple({"1", "a"}).Raw("N").Tuple({"1", "b"}));
  const Update& update = Decoded<Update>(Wire('U').U32(kTable).Raw("N").Tuple({"1", "c"}));
  EXPECT_EQ(update.old_kind, OldTuple::kNone);
  EXPECT_TRUE(update.old_tuple.empty());
}

TEST_F(PgoutputTest, TakesUnsentToastInNewTuplesOnly) {
  const std::string toast = Wire('U').U32(kTable).Raw("N").U16(2).Column("1").Raw("u");
  EXPECT_EQ(Good(toast), "update t (1, unchanged)");
  EXPECT_EQ(Good(Wire('I').U32(kTable).Raw("N").U16(2).Column("1").Raw("u")),
            "insert t (1, unchanged)")
      << "an update that enters a row filter";
  for (const char kind : {'K', 'O'}) {
    const std::string old(1, kind);
    EXPECT_NE(Bad(Wire('D').U32(kTable).Raw(old).U16(2).Column("1").Raw("u")).find("TOAST"),
              std::string::npos);
  }
}

TEST_F(PgoutputTest, DecodesTruncateOfSeveralTables) {
  Good(Wire('R').U32(9).Str("s").Str("other").U8('d').U16(0));
  EXPECT_EQ(Good(Wire('T').U32(2).U8(3).U32(kTable).U32(9)), "truncate cascade restart t other");
  EXPECT_EQ(Good(Wire('T').U32(1).U8(0).U32(9)), "truncate other");
}

TEST_F(PgoutputTest, DecodesMessagesInsideAndOutside) {
  const std::string free = Wire('M').U8(0).U64(0x500).Str("p").U32(3).Raw("a\0b"sv);
  EXPECT_EQ(Decoded<LogicalMessage>(free).content, "a\0b"sv);
  EXPECT_EQ(Good(Wire('M').U8(1).U64(0x500).Str("p").U32(0)), "message p ");
  Good(CommitMessage(0x1000));
  const LogicalMessage& message = Decoded<LogicalMessage>(free);
  EXPECT_EQ(message.lsn, Lsn{0x500});
  EXPECT_FALSE(message.transactional);
}

TEST_F(PgoutputTest, DecodesOrigin) {
  const Origin& origin = Decoded<Origin>(Wire('O').U64(0x77).Str("node a"));
  EXPECT_EQ(origin.commit_lsn, Lsn{0x77});
  EXPECT_EQ(origin.name, "node a");
}

TEST_F(PgoutputTest, ARelationSentAgainCountsFromThereOn) {
  const auto before = Decoded<Insert>(InsertOf({"1", "a"})).relation;
  Good(Wire('R').U32(kTable).Str("public").Str("t").U8('d').U16(1).U8(1).Str("id").U32(23).U32(
      0xFFFFFFFF));
  EXPECT_EQ(Good(InsertOf({"1"})), "insert t (1)");
  EXPECT_EQ(before->columns.size(), 2u) << "a change keeps the schema it was decoded under";
  Bad(InsertOf({"1", "a"}));
}

TEST_F(PgoutputTest, RejectsEveryTruncationAndEveryTrailingByte) {
  const std::vector<std::string> messages = {
      RelationMessage(9),
      Wire('Y').U32(70'000).Str("s").Str("mood"),
      Wire('O').U64(1).Str("node"),
      InsertOf({"1", std::nullopt}),
      Wire('U').U32(kTable).Raw("K").Tuple({"1", std::nullopt}).Raw("N").Tuple({"3", "b"}),
      Wire('D').U32(kTable).Raw("O").Tuple({"1", "a"}),
      Wire('T').U32(1).U8(0).U32(kTable),
      Wire('M').U8(0).U64(5).Str("p").U32(2).Raw("ab"),
      CommitMessage(0x1000)};
  for (const std::string& message : messages) {
    for (size_t size = 0; size < message.size(); ++size) Bad(message.substr(0, size));
    Bad(message + "x");
    Good(message);
  }
  const std::string begin = BeginMessage(0x2000);
  for (size_t size = 0; size < begin.size(); ++size) Bad(begin.substr(0, size));
  Bad(begin + "x");
  Good(begin);
}

TEST_F(PgoutputTest, RejectsEveryUnknownTag) {
  for (int tag = 0; tag < 256; ++tag) {
    if ("BCORYIUDTM"sv.find(static_cast<char>(tag)) != std::string_view::npos) continue;
    Bad(Wire(static_cast<char>(tag)).U64(0));
  }
}

TEST_F(PgoutputTest, RejectsCountsAndSizesThatCannotBe) {
  Bad(Wire('I').U32(kTable).Raw("N").U16(0xFFFF));
  Bad(Wire('I').U32(kTable).Raw("N").Tuple({"1"}));
  Bad(Wire('I').U32(kTable).Raw("N").Tuple({"1", "2", "3"}));
  for (const uint32_t size : {0xFFFFFFFFu, 0x7FFFFFFFu, 2u}) {
    Bad(Wire('I').U32(kTable).Raw("N").U16(2).Column("1").Raw("t").U32(size).Raw("x"));
    Bad(Wire('M').U8(0).U64(1).Str("p").U32(size).Raw("x"));
  }
  Bad(Wire('R').U32(9).Str("s").Str("t").U8('d').U16(0xFFFF));
  Bad(Wire('R').U32(9).Str("s").Str("t").U8('d').U16(0x7FFF).U8(0).Str("a").U32(1).U32(1));
  for (const uint32_t count : {0u, 0xFFFFFFFFu, 0x7FFFFFFFu, 2u})
    Bad(Wire('T').U32(count).U8(0).U32(kTable));
}

TEST_F(PgoutputTest, RejectsKindsAndFlagsThatItDoesNotKnow) {
  EXPECT_NE(Bad(Wire('I').U32(kTable).Raw("N").U16(2).Column("1").Raw("b").U32(1).Raw("x"))
                .find("binary"),
            std::string::npos);
  Bad(Wire('I').U32(kTable).Raw("N").U16(2).Column("1").Raw("x"));
  Bad(Wire('I').U32(kTable).Raw("K").Tuple({"1", "a"}));
  Bad(Wire('U')
          .U32(kTable)
          .Raw("K")
          .Tuple({"1", "a"})
          .Raw("O")
          .Tuple({"1", "a"})
          .Raw("N")
          .Tuple({"1", "a"}));
  Bad(Wire('U').U32(kTable).Raw("K").Tuple({"1", "a"}));
  Bad(Wire('U').U32(kTable).Raw("X").Tuple({"1", "a"}).Raw("N").Tuple({"1", "a"}));
  Bad(Wire('D').U32(kTable).Raw("N").Tuple({"1", "a"}));
  Bad(Wire('T').U32(1).U8(4).U32(kTable));
  Bad(Wire('M').U8(2).U64(1).Str("p").U32(0));
  Bad(Wire('R').U32(9).Str("s").Str("t").U8('x').U16(0));
  Bad(Wire('R').U32(9).Str("s").Str("t").U8('d').U16(1).U8(2).Str("a").U32(1).U32(1));
  Bad(Wire('C').U8(1).U64(0x1000).U64(0x1008).U64(0));
}

TEST_F(PgoutputTest, RejectsRelationsThatCannotBe) {
  Bad(Wire('R').U32(0).Str("s").Str("t").U8('d').U16(0));
  Bad(Wire('R')
          .U32(9)
          .Str("s")
          .Str("t")
          .U8('d')
          .U16(2)
          .U8(0)
          .Str("a")
          .U32(1)
          .U32(1)
          .U8(0)
          .Str("a")
          .U32(1)
          .U32(1));
}

TEST_F(PgoutputTest, TakesAsManyColumnsAsATableMayHave) {
  Wire relation = Wire('R').U32(9).Str("s").Str("wide").U8('d').U16(1600);
  Wire insert = Wire('I').U32(9).Raw("N").U16(1600);
  for (int i = 0; i < 1600; ++i) {
    relation.U8(0).Str(Cat("c", i)).U32(23).U32(0xFFFFFFFF);
    insert.Column("1");
  }
  Good(relation);
  EXPECT_EQ(Decoded<Insert>(insert).new_tuple.size(), 1600u);
}

TEST_F(PgoutputTest, RejectsUnknownRelations) {
  Bad(Wire('I').U32(1).Raw("N").Tuple({"1"}));
  Bad(Wire('U').U32(1).Raw("N").Tuple({"1"}));
  Bad(Wire('D').U32(1).Raw("K").Tuple({"1"}));
  Bad(Wire('T').U32(2).U8(0).U32(kTable).U32(1));
}

TEST_F(PgoutputTest, RejectsMessagesOutOfOrder) {
  EXPECT_NE(Bad(BeginMessage(0x2000)).find("has not ended"), std::string::npos);
  EXPECT_NE(Bad(CommitMessage(0x1001)).find("0/1001"), std::string::npos) << "not its Begin's LSN";
  Bad(Wire('C').U8(0).U64(0x1000).U64(0x1000).U64(0));  // It ends where it commits.
  Good(CommitMessage(0x1000));
  Bad(CommitMessage(0x1000));
  Bad(InsertOf({"1", "a"}));
  Bad(Wire('U').U32(kTable).Raw("N").Tuple({"1", "a"}));
  Bad(Wire('D').U32(kTable).Raw("K").Tuple({"1", "a"}));
  Bad(Wire('T').U32(1).U8(0).U32(kTable));
  Bad(Wire('O').U64(1).Str("node"));
  Bad(Wire('M').U8(1).U64(1).Str("p").U32(0));
  Bad(BeginMessage(0x1000));
  Bad(BeginMessage(0x900));
  Good(BeginMessage(0x1001));
}

TEST_F(PgoutputTest, ErrorsNameThePlaceAndNoContent) {
  const std::string text =
      Bad(Wire('I').U32(kTable).Raw("N").U16(2).Column("sentinel").Raw("t").U32(9).Raw("sent"));
  EXPECT_EQ(text,
            "pgoutput message 'I' at byte 26, in transaction 7, which commits at 0/1000: the "
            "message is too short");
  EXPECT_EQ(Bad(""), "an empty pgoutput message");
  EXPECT_NE(Bad("\x01").find("message number 1"), std::string::npos);
}

}  // namespace
}  // namespace walrelay::wal
