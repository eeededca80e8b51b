// embed RUN THREADS < POSTS: asks the run for each line "TEXT<tab>PICTURE" (either side may be empty), from THREADS threads that share one
// model, and prints a line "LABEL p p p" for each, in order; "! MESSAGE" for a post with a fault.
#include <infig/infig.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

using namespace infig::api;

int main(int argc, char** argv) try {
  if (argc != 3) return std::fprintf(stderr, "usage: embed RUN THREADS\n"), 2;
  LoadOptions options;
  options.threads = 1;  // of each call
  const Predictor predictor = Predictor::load(argv[1], options);
  std::vector<std::string> texts, pictures, answers;
  for (std::string line; std::getline(std::cin, line); answers.emplace_back()) {
    const size_t tab = line.find('\t');
    std::ifstream file(tab == std::string::npos ? "" : line.substr(tab + 1), std::ios::binary);
    texts.push_back(line.substr(0, tab));
    pictures.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  const auto answer = [&](size_t first, size_t step) {
    for (size_t i = first; i < texts.size(); i += step) {
      const Prediction one = predictor.predict(Post{texts[i], pictures[i].empty() ? Image() : Image::encoded(pictures[i])});
      answers[i] = one.ok() ? one.label : "! " + one.fault_message;
      char digits[32];
      for (const double p : one.probabilities) answers[i].append(digits, std::snprintf(digits, sizeof digits, " %.17g", p));
    }
  };
  const size_t count = std::stoul(argv[2]);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < count; ++t) threads.emplace_back(answer, t, count);
  for (auto& thread : threads) thread.join();
  for (const auto& line : answers) std::puts(line.c_str());
} catch (const Error& error) {
  return std::fprintf(stderr, "embed: %s\n", error.what()), 1;
}
