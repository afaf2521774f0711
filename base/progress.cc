#include "base/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/format.h"

namespace gannet::base {
namespace {

constexpr int kDefaultColumns = 80;
constexpr int kBarColumns = 24;

int TerminalColumns(std::FILE* stream) {
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kDefaultColumns;
}

std::string Bar(double fraction) {
  const int filled = static_cast<int>(fraction * kBarColumns);
  std::string bar(kBarColumns, ' ');
  std::fill_n(bar.begin(), filled, '=');
  if (filled < kBarColumns) bar[static_cast<size_t>(filled)] = '>';
  return "[" + bar + "]";
}

}  // namespace

Progress::Progress(Options options)
    : options_(std::move(options)),
      terminal_(::isatty(::fileno(options_.stream)) == 1),
      start_(std::chrono::steady_clock::now()),
      last_draw_(start_) {}

double Progress::ElapsedSeconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

std::string Progress::Render(const Options& options, uint64_t position, uint64_t items,
                             double elapsed_seconds, int columns) {
  std::string line = options.label;
  double fraction = 1;
  if (options.total > 0) {
    fraction = std::min(1.0, static_cast<double>(position) / static_cast<double>(options.total));
    line += fmt::format(" {:3.0f} % {}", 100 * fraction, Bar(fraction));
  }
  line += fmt::format(" {} {}", GroupThousands(items), options.unit);
  if (elapsed_seconds > 0) {
    const uint64_t new_items = items - std::min(items, options.first_items);
    const double rate = static_cast<double>(new_items) / elapsed_seconds;
    line += fmt::format(", {}/s", GroupThousands(static_cast<uint64_t>(rate + 0.5)));
  }
  if (fraction < 1 && position > options.first_position) {
    const auto done = static_cast<double>(position - options.first_position);
    const auto left = static_cast<double>(options.total - position);
    line += fmt::format(", {} left", FormatMinutes(elapsed_seconds * left / done));
  } else {
    line += ", " + FormatMinutes(elapsed_seconds);
  }
  if (line.size() > static_cast<size_t>(columns)) line.resize(static_cast<size_t>(columns));
  return line;
}

void Progress::Update(uint64_t position, uint64_t items) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  position_ = position;
  items_ = items;
  const auto interval = terminal_ ? options_.redraw_interval : options_.line_interval;
  if (std::chrono::steady_clock::now() - last_draw_ >= interval) Draw();
}

void Progress::Finish() {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  if (options_.total > 0) position_ = options_.total;
  Draw();
  if (terminal_) std::fputc('\n', options_.stream);
}

void Progress::Draw() {
  last_draw_ = std::chrono::steady_clock::now();
  const int columns = terminal_ ? TerminalColumns(options_.stream) - 1 : 200;
  const std::string line = Render(options_, position_, items_, ElapsedSeconds(), columns);
  if (terminal_) {
    std::fprintf(options_.stream, "\r%s\033[K", line.c_str());
  } else {
    std::fprintf(options_.stream, "%s\n", line.c_str());
  }
  std::fflush(options_.stream);
}

}  // namespace gannet::base
