// infig tokenize: lines of standard input to JSON lines of ids, tokens and offsets.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/commands.h"
#include "apps/compute_flags.h"
#include "apps/validators.h"
#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "text/tokenizer.h"

namespace infig {
namespace {

constexpr size_t kBlockBytes = 1 << 20;  // of text that are read before the next lines are encoded, per thread
constexpr size_t kPartLines = 64;        // lines that a thread takes at a time
constexpr int kPause = 2;                // milliseconds without input after which the lines at hand are encoded

struct TokenizeFlags {
  std::string model, special_in_text = "keep";
  int64_t max_length = 0;
  int64_t threads = 0;
  bool time = false;
};

// Lines of a file descriptor, in blocks. A line's end is LF; a CR before it is part of the text.
class LineReader {
 public:
  explicit LineReader(int descriptor) : descriptor_(descriptor) {}

  // The next whole lines, of about `bytes` together, fewer where the writer makes a pause; false at the end. They live until the next call.
  bool next(size_t bytes, std::vector<std::string_view>& lines) {
    lines.clear();
    buffer_.erase(0, used_);
    used_ = 0;
    while (!ended_ && (used_ == 0 || (buffer_.size() < bytes && more_is_coming()))) read_some(bytes);
    if (ended_) used_ = buffer_.size();
    const std::string_view block = std::string_view(buffer_).substr(0, used_);
    for (size_t at = 0; at < block.size();) {
      const size_t stop = std::min(block.find('\n', at), block.size());
      lines.push_back(block.substr(at, stop - at));
      at = stop + 1;
    }
    return !lines.empty();
  }

 private:
  void read_some(size_t bytes) {
    const size_t before = buffer_.size();
    buffer_.resize(before + bytes);
    const ssize_t got = ::read(descriptor_, buffer_.data() + before, bytes);
    buffer_.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno != EINTR) throw DataError(fmt::format("standard input cannot be read: {}", std::strerror(errno)));
    ended_ = got == 0;
    const size_t last = std::string_view(buffer_).substr(before).rfind('\n');
    if (last != std::string_view::npos) used_ = before + last + 1;
  }

  bool more_is_coming() const {
    pollfd waiting{.fd = descriptor_, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, kPause) > 0;
  }

  int descriptor_;
  std::string buffer_;
  size_t used_ = 0;  // bytes of whole lines at its beginning
  bool ended_ = false;
};

void append_number(std::string& out, int64_t value) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += byte;
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(byte));
    } else {
      out += byte;
    }
  }
  out += '"';
}

void append_line(std::string& out, const Tokenizer& tokenizer, const std::vector<TokenSpan>& spans) {
  out += "{\"ids\": [";
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0) out += ", ";
    append_number(out, spans[i].id);
  }
  out += "], \"tokens\": [";
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0) out += ", ";
    append_string(out, tokenizer.token(spans[i].id));
  }
  out += "], \"offsets\": [";
  for (size_t i = 0; i < spans.size(); ++i) {
    out += i > 0 ? ", [" : "[";
    append_number(out, spans[i].begin);
    out += ", ";
    append_number(out, spans[i].end);
    out += ']';
  }
  out += "]}\n";
}

void tokenize_verb(const TokenizeFlags& flags) {
  const bool split = flags.special_in_text == "split";
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(flags.model, split ? SpecialInText::kSplit : SpecialInText::kKeep);
  log_info("tokenizer: {}{}", tokenizer->rule(), split ? "; special tokens in a text are cut as other text" : "");
  const int64_t threads = threads_of_flag(flags.threads);
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t processor_start = std::clock();
  LineReader reader(STDIN_FILENO);
  std::vector<std::string_view> lines;
  std::vector<std::string> outputs;
  while (reader.next(kBlockBytes * static_cast<size_t>(threads), lines)) {
    const size_t parts = (lines.size() + kPartLines - 1) / kPartLines;
    outputs.resize(std::max(outputs.size(), parts));
    parallel_for(static_cast<int64_t>(parts), threads, [&](int64_t part) {
      std::string& out = outputs[static_cast<size_t>(part)];
      out.clear();
      std::vector<TokenSpan> spans;
      const size_t first = static_cast<size_t>(part) * kPartLines;
      for (size_t i = first; i < std::min(first + kPartLines, lines.size()); ++i) {
        tokenizer->encode_spans(lines[i], flags.max_length, spans);
        append_line(out, *tokenizer, spans);
      }
    });
    for (size_t part = 0; part < parts; ++part) {
      if (std::fwrite(outputs[part].data(), 1, outputs[part].size(), stdout) != outputs[part].size()) {
        throw ResourceError(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
      }
    }
    if (std::fflush(stdout) != 0) throw ResourceError(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
  }
  if (flags.time) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print(stderr, "{:.6f} seconds, {:.6f} of processor time, without loading the model\n", seconds,
               static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC);
  }
}

}  // namespace

void add_tokenize(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("tokenize", "lines of text to JSON lines of ids, tokens and offsets");
  auto flags = std::make_shared<TokenizeFlags>();
  verb->add_option(
          "--model", flags->model,
          "Folder with a tokenizer as Hugging Face saves it: tokenizer.json, else spm.model (DeBERTa), sentencepiece.bpe.model (XLM-R), "
          "vocab.txt (BERT, MPNet), vocab.json and merges.txt (RoBERTa, CLIP); or CLIP's bpe_simple_vocab_16e6.txt.gz")
      ->required()
      ->check(no_run_folder());
  verb->add_option("--max-length", flags->max_length, "Cut longer texts to so many tokens, special tokens included (default: never cut)")
      ->check(whole_between(2, int64_t{1} << 31));
  verb->add_option(
          "--special-in-text", flags->special_in_text,
          "Special tokens that a text has written out ([SEP], </s>): keep makes them those tokens, as transformers does; split cuts "
          "them as other text, as new runs do (default: keep)")
      ->check(CLI::IsMember({"keep", "split"}));
  add_threads_flag(*verb, flags->threads, "Threads; 0: all cores");
  verb->add_flag("--time", flags->time, "Write the seconds it took to standard error");
  verb->footer(
      "Reads standard input, one text a line, and writes one JSON object a line, in order:\n"
      "  ids      with the special tokens around the text\n"
      "  tokens   as the vocabulary writes them\n"
      "  offsets  half-open, in Unicode code points of the line; [0, 0] for the special tokens around it\n"
      "What is not UTF-8 reads as U+FFFD. Standard error says which files the tokenizer is made of, and by whose rules.\n"
      "Example:\n  infig tokenize --model weights/minilm-l6 < posts.txt > tokens.jsonl");
  verb->callback([flags] { tokenize_verb(*flags); });
}

}  // namespace infig
