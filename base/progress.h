#ifndef GANNET_BASE_PROGRESS_H_
#define GANNET_BASE_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

namespace gannet::base {

// Progress of one long job on a stream: a bar redrawn in place when the stream is a terminal, a
// plain line every few seconds when it is not. Safe to call from several threads.
class Progress {
 public:
  struct Options {
    std::string label;   // "indexing"
    std::string unit;    // "documents"
    uint64_t total = 0;  // In units of `position`; 0 when unknown.
    // What was done before: counted, but not by the rate and the time left.
    uint64_t first_position = 0;
    uint64_t first_items = 0;
    std::FILE* stream = stderr;
    std::chrono::milliseconds redraw_interval{100};
    std::chrono::milliseconds line_interval{5000};
  };

  explicit Progress(Options options);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `position` of `total` is done (bytes of input, say), which came to `items` items.
  void Update(uint64_t position, uint64_t items);

  // Draws the final state and ends the line. Later calls do nothing.
  void Finish();

  // What is drawn: "indexing  62 % [=====>    ] 3,100 documents, 412/s, 0:05 left".
  static std::string Render(const Options& options, uint64_t position, uint64_t items,
                            double elapsed_seconds, int columns);

 private:
  double ElapsedSeconds() const;
  void Draw();

  const Options options_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point start_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point last_draw_;
  uint64_t position_ = 0;
  uint64_t items_ = 0;
  bool finished_ = false;
};

}  // namespace gannet::base

#endif  // GANNET_BASE_PROGRESS_H_
