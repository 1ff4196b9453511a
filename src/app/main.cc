// The program: hands arguments, environment and terminal to the command line.

#include <unistd.h>

#include <iostream>

#include "app/cli.h"

extern char** environ;

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  std::vector<std::string> environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    environment.emplace_back(*entry);
  walrelay::app::Console console{
      .out = std::cout,
      .err = std::cerr,
      .in = std::cin,
      .interactive = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1};
  const int code =
      walrelay::app::RunCommandLine(arguments, environment, console, walrelay::app::RunPipeline);
  std::cout.flush();
  return code;
}
