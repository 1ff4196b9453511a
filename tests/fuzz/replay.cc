// Runs a fuzz target over files: the corpus in every ordinary test run, where there is no
// libFuzzer.
//
// Each argument is a file or a folder. Every file is also run cut at many places and with single
// bytes changed: a cheap stand-in for the fuzzer, the same in each run.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kMutationsPerFile = 4'000;

void RunOne(const std::string& bytes) {
  // Exactly as many bytes as there are, so that the sanitizer sees the first one behind them.
  const std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

void RunFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  RunOne(whole);
  const size_t step = whole.size() / kMutationsPerFile + 1;
  for (size_t i = 0; i < whole.size(); i += step) {
    RunOne(whole.substr(0, i));
    for (const char byte :
         {'\x00', '\x01', '\x7f', '\xff', 'N', 'u', static_cast<char>(whole[i] ^ 0x20)}) {
      std::string changed = whole;
      changed[i] = byte;
      RunOne(changed);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path(argv[i]);
    if (!std::filesystem::is_directory(path)) {
      RunFile(path);
      ++files;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      RunFile(entry.path());
      ++files;
    }
  }
  std::printf("%zu files\n", files);
  return files == 0 ? 1 : 0;  // An empty corpus tests nothing.
}
