#include "app/interpolate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace walrelay::app {
namespace {

using testing::HasSubstr;
using testing::Not;

class InterpolateTest : public testing::Test {
 protected:
  InterpolateTest() {
    std::string name = testing::TempDir() + "interpolate-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~InterpolateTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  static std::string Resolved(const std::string& value) {
    const std::vector<std::string> environment = {"HOST=db1", "EMPTY=", "HOSTNAME=other"};
    const auto found = Interpolate(value, environment);
    return found.ok() ? *found : "error: " + std::string(Message(found.status()));
  }

  std::string directory_;
};

TEST_F(InterpolateTest, ReadsTheEnvironment) {
  EXPECT_EQ(Resolved("${env:HOST}"), "db1");
  EXPECT_EQ(Resolved("a-${env:HOST}-${env:HOST}"), "a-db1-db1");
  EXPECT_EQ(Resolved("${env:EMPTY}"), "");
  EXPECT_THAT(Resolved("${env:HOS}"), HasSubstr("error: ${env:HOS}: the environment has no such"));
}

TEST_F(InterpolateTest, ReadsAKeyOfAPropertiesFile) {
  const std::string path =
      Write("db.properties", "# comment\nuser = me\npassword=a b\\=c\\u00e9\\\n   d\n! no\n");
  EXPECT_EQ(Resolved("${file:" + path + ":password}"), "a b=c\u00e9d");
  EXPECT_EQ(Resolved("${file:" + path + ":user}"), "me");
  EXPECT_THAT(Resolved("${file:" + path + ":nothing}"), HasSubstr("the file has no such key"));
  EXPECT_THAT(Resolved("${file:/does/not/exist:x}"), HasSubstr("cannot read /does/not/exist"));
  EXPECT_THAT(Resolved("${file:" + path + "}"), HasSubstr("must be ${file:path:key}"));
}

TEST_F(InterpolateTest, ReadsAFileOfADirectoryWithoutItsLastLineFeed) {
  Write("password", "secret\n");
  EXPECT_EQ(Resolved("${directory:" + directory_ + ":password}"), "secret");
  EXPECT_THAT(Resolved("${directory:" + directory_ + ":../x}"), HasSubstr("error"));
  EXPECT_THAT(Resolved("${directory:" + directory_ + ":.}"), HasSubstr("is a directory"));
}

TEST_F(InterpolateTest, LeavesOtherTextAlone) {
  EXPECT_EQ(Resolved("${table}"), "${table}");
  EXPECT_EQ(Resolved("$1.events.$2"), "$1.events.$2");
  EXPECT_EQ(Resolved("$${env:HOST}"), "${env:HOST}");
  EXPECT_EQ(Resolved("${unfinished"), "${unfinished");
  EXPECT_EQ(Resolved("${a b:c}"), "${a b:c}");
}

TEST_F(InterpolateTest, RefusesProvidersThatAreNotBuilt) {
  EXPECT_THAT(Resolved("${vault:secret/db:password}"),
              HasSubstr("only the providers file, env and directory"));
}

TEST_F(InterpolateTest, DoesNotLookAtAValueTwice) {
  const std::string path = Write("nested.properties", "x=${env:HOST}\n");
  EXPECT_EQ(Resolved("${file:" + path + ":x}"), "${env:HOST}");
}

TEST(ParseProperties, TakesJavasSeparators) {
  const auto properties = ParseProperties("a=1\nb: 2\nc 3\n d\t=\t4\ne\nf\\ g=5\n\\#h=6\r\na=7\n");
  const std::map<std::string, std::string> expected = {
      {"a", "7"}, {"b", "2"}, {"c", "3"}, {"d", "4"}, {"e", ""}, {"f g", "5"}, {"#h", "6"}};
  EXPECT_EQ(properties, expected);
}

TEST(ParseProperties, EndsAtTheLastByte) {
  EXPECT_EQ(ParseProperties("a=b\\")["a"], "b");
  EXPECT_EQ(ParseProperties("a=\\u12")["a"], "u12");
}

}  // namespace
}  // namespace walrelay::app
