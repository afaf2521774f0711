#include "cli/model_check_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cli/model_location.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/checkpoint/tensor.h"
#include "encoder/embed/embedder.h"
#include "eval/lines.h"

namespace gannet::cli {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kTensor = "vectors";  // Of the file of --vectors.
constexpr size_t kWorstShown = 5;

struct CheckFlags {
  std::string model;
  std::string golden;
  std::string vectors;  // Empty: beside the texts.
  std::string role = "document";
  std::string precision = "fp32";
  double tolerance = 1e-5;
  int threads = base::AvailableProcessors();
};

// Texts and the vectors that they were recorded with.
struct Golden {
  std::vector<std::string> texts;
  std::vector<std::vector<float>> vectors;  // As many; of any size.
};

absl::Status ReadRecord(std::string_view line, const CheckFlags& flags, Golden& golden) {
  try {
    const Json record = Json::parse(line);
    golden.texts.push_back(record.at("text").get<std::string>());
    if (flags.vectors.empty()) {
      golden.vectors.push_back(record.at("vector").get<std::vector<float>>());
    }
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return absl::OkStatus();
}

// One vector for each text, in their order.
absl::Status ReadVectors(const std::string& path, Golden& golden) {
  GANNET_ASSIGN_OR_RETURN(const auto file, encoder::SafetensorsFile::Open(path));
  const auto wrong = [&](std::string_view what) {
    return absl::InvalidArgumentError(fmt::format("{}: tensor {}: {}", path, kTensor, what));
  };
  const auto found = file.tensors().find(std::string(kTensor));
  if (found == file.tensors().end()) return wrong("missing");
  const encoder::TensorView& tensor = found->second;
  if (tensor.shape.size() != 2 || tensor.shape[0] != golden.texts.size() ||
      !encoder::IsFloating(tensor.dtype)) {
    return wrong(fmt::format("{} of shape {}, expected floating point of shape [{}, values]",
                             encoder::DTypeName(tensor.dtype), encoder::ShapeName(tensor.shape),
                             golden.texts.size()));
  }
  const std::vector<float> values = encoder::ToFloats(tensor);
  const auto d = static_cast<ptrdiff_t>(tensor.shape[1]);
  for (auto row = values.begin(); row != values.end(); row += d) {
    golden.vectors.emplace_back(row, row + d);
  }
  return absl::OkStatus();
}

absl::StatusOr<Golden> ReadGolden(const CheckFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const std::string content, base::ReadFile(flags.golden));
  Golden golden;
  eval::Lines lines(content);
  for (std::string_view line; lines.Next(line);) {
    if (eval::IsBlank(line)) continue;
    GANNET_RETURN_IF_ERROR(base::Annotate(
        ReadRecord(line, flags, golden), fmt::format("{}: line {}", flags.golden, lines.number())));
  }
  if (golden.texts.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: no texts in it", flags.golden));
  }
  if (!flags.vectors.empty()) GANNET_RETURN_IF_ERROR(ReadVectors(flags.vectors, golden));
  return golden;
}

// How far a text's vector is from the recorded one.
struct Difference {
  size_t text = 0;
  double largest = 0;  // max_i |a_i − b_i|
  double cosine = 0;
};

Difference Compare(size_t text, std::span<const float> made, std::span<const float> recorded) {
  Difference difference{.text = text};
  double dot = 0, made_squares = 0, recorded_squares = 0;
  for (size_t i = 0; i < made.size(); ++i) {
    const double a = made[i], b = recorded[i];
    difference.largest = std::max(difference.largest, std::abs(a - b));
    dot += a * b;
    made_squares += a * a;
    recorded_squares += b * b;
  }
  const double lengths = std::sqrt(made_squares) * std::sqrt(recorded_squares);
  difference.cosine = lengths == 0 ? (made_squares == recorded_squares ? 1 : 0) : dot / lengths;
  return difference;
}

// The differences of all texts, the largest first.
absl::StatusOr<std::vector<Difference>> CompareAll(const encoder::Embedder& model,
                                                   const Golden& golden, encoder::TextRole role,
                                                   base::ThreadPool& pool) {
  const std::vector<std::string_view> texts(golden.texts.begin(), golden.texts.end());
  GANNET_ASSIGN_OR_RETURN(const encoder::Embeddings made, model.Embed(texts, role, pool));
  GANNET_RETURN_IF_ERROR(made.FirstError());
  std::vector<Difference> differences;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (golden.vectors[i].size() != made.dimension) {
      return absl::InvalidArgumentError(
          fmt::format("text {}: the recorded vector has {} values, the model's has {}", i,
                      golden.vectors[i].size(), made.dimension));
    }
    if (!std::ranges::all_of(golden.vectors[i], [](float v) { return std::isfinite(v); })) {
      return absl::InvalidArgumentError(
          fmt::format("text {}: the recorded vector has a value that is not finite", i));
    }
    differences.push_back(Compare(i, made[i], golden.vectors[i]));
  }
  std::ranges::stable_sort(differences, std::greater(), &Difference::largest);
  return differences;
}

absl::Status Check(const CheckFlags& flags) {
  GANNET_ASSIGN_OR_RETURN(const Golden golden, ReadGolden(flags));
  GANNET_ASSIGN_OR_RETURN(const std::filesystem::path path, ResolveModel(flags.model));
  GANNET_ASSIGN_OR_RETURN(const encoder::Precision precision,
                          encoder::ParsePrecision(flags.precision));
  GANNET_ASSIGN_OR_RETURN(const auto model,
                          encoder::Embedder::Open(path, {.precision = precision}));
  base::ThreadPool pool(flags.threads);
  const encoder::TextRole role =
      flags.role == "query" ? encoder::TextRole::kQuery : encoder::TextRole::kDocument;
  GANNET_ASSIGN_OR_RETURN(const std::vector<Difference> differences,
                          CompareAll(*model, golden, role, pool));
  const double worst = differences.front().largest;
  const double lowest = std::ranges::min_element(differences, {}, &Difference::cosine)->cosine;
  fmt::print("{} texts: largest difference {:.3g}, lowest cosine {:.9f}\n", differences.size(),
             worst, lowest);
  for (const Difference& difference :
       std::span(differences).first(std::min(kWorstShown, differences.size()))) {
    fmt::print("  text {}: {:.3g}, cosine {:.9f}\n", difference.text, difference.largest,
               difference.cosine);
  }
  if (worst <= flags.tolerance) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "the largest difference is {:.3g}, expected at most {:.3g}", worst, flags.tolerance));
}

}  // namespace

void AddModelCheckCommand(CLI::App& model, Action& action) {
  const auto flags = std::make_shared<CheckFlags>();
  CLI::App* command = model.add_subcommand(
      "check", "Compare an embedder's vectors with recorded ones; fails where they differ");
  command->add_option("model", flags->model, "Model folder, GGUF file, or a model in the cache")
      ->required();
  command
      ->add_option("--golden", flags->golden, "JSON lines: {\"text\": TEXT, \"vector\": [NUMBERS]}")
      ->required();
  command->add_option("--vectors", flags->vectors,
                      "Safetensors file whose tensor \"vectors\" has one row for each text, where "
                      "the lines have no vector");
  command->add_option("--role", flags->role, "What the texts are: document or query")
      ->check(CLI::IsMember({"document", "query"}))
      ->capture_default_str();
  command->add_option("--tolerance", flags->tolerance, "Largest difference of a value to accept")
      ->capture_default_str();
  command->add_option("--precision", flags->precision, "fp32, bf16, int8, or auto")
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "Threads to work with")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([flags, &action] { action = [flags] { return Check(*flags); }; });
}

}  // namespace gannet::cli
