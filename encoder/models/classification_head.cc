#include "encoder/models/classification_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/config_file.h"
#include "encoder/layers/activation.h"
#include "encoder/layers/encoder_shape.h"

namespace gannet::encoder {
namespace {

using kernels::PackedLinear;

void Tanh(std::span<float> x) {
  for (float& v : x) v = std::tanh(v);
}

// y = x Wᵀ + b for any number of rows.
std::vector<float> Apply(const PackedLinear& linear, std::span<const float> x) {
  const size_t rows = x.size() / linear.inputs();
  std::vector<float> y(rows * linear.outputs());
  for (size_t first = 0; first < rows; first += PackedLinear::kMaxRows) {
    linear.Apply(&x[first * linear.inputs()], std::min(PackedLinear::kMaxRows, rows - first),
                 &y[first * linear.outputs()]);
  }
  return y;
}

// The mean of each sequence's token vectors.
std::vector<float> Means(const PackedBatch& batch, std::span<const float> states, size_t d) {
  std::vector<float> means(batch.sequences() * d);
  for (size_t s = 0; s < batch.sequences(); ++s) {
    float* mean = &means[s * d];
    for (size_t row = batch.offsets[s]; row < batch.offsets[s + 1]; ++row) {
      kernels::Add(states.subspan(row * d, d), mean);
    }
    for (size_t c = 0; c < d; ++c) mean[c] /= static_cast<float>(batch.length(s));
  }
  return means;
}

}  // namespace

// Reads the head of each family under its own names.
class HeadLoader {
 public:
  using Head = absl::StatusOr<ClassificationHead>;

  static absl::StatusOr<HeadLoader> Open(const std::filesystem::path& folder) {
    GANNET_ASSIGN_OR_RETURN(ConfigFile file, ConfigFile::Open(folder / "config.json"));
    GANNET_ASSIGN_OR_RETURN(const std::string type, file.StringOr("model_type", "bert"));
    GANNET_ASSIGN_OR_RETURN(const size_t d,
                            file.Size(type == "distilbert" ? "dim" : "hidden_size"));
    GANNET_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(folder));
    return HeadLoader(std::move(file), std::move(checkpoint), d);
  }

  static Head LoadPlain(const std::filesystem::path& folder) {
    GANNET_ASSIGN_OR_RETURN(const HeadLoader loader, Open(folder));
    return loader.Out("classifier", Bias::kPresent);
  }

  static Head Load(const std::filesystem::path& folder) {
    GANNET_ASSIGN_OR_RETURN(HeadLoader loader, Open(folder));
    GANNET_ASSIGN_OR_RETURN(const std::string type, loader.file_.StringOr("model_type", "bert"));
    if (type == "bert") return loader.Bert();
    if (type == "roberta" || type == "xlm-roberta") return loader.DenseAndProjection(Tanh);
    if (type == "electra") return loader.DenseAndProjection(kernels::Gelu);
    if (type == "distilbert") return loader.DistilBert();
    if (type == "deberta-v2") return loader.DebertaV2();
    if (type == "modernbert") return loader.ModernBert();
    if (loader.checkpoint_.Has("score.weight")) return loader.Decoder();
    return loader.file_.Error("model_type",
                              fmt::format("\"{}\" without score.weight has no classification head "
                                          "that is known",
                                          type));
  }

 private:
  HeadLoader(ConfigFile file, Checkpoint checkpoint, size_t d)
      : file_(std::move(file)), checkpoint_(std::move(checkpoint)), d_(d) {}

  // A linear layer to the labels, as many as its weight has rows.
  Head Out(std::string_view name, Bias bias) const {
    const Shape shape = checkpoint_.ShapeOf(fmt::format("{}.weight", name));
    if (shape.empty() || shape[0] == 0) {
      return absl::NotFoundError(
          fmt::format("{}: the checkpoint has no {}.weight: not a model with a classification head",
                      file_.path().parent_path().string(), name));
    }
    GANNET_ASSIGN_OR_RETURN(auto out, LoadLinear(checkpoint_, name, d_, shape[0], bias, {}));
    return ClassificationHead(std::move(out), d_);
  }

  absl::Status AddDense(std::string_view name, Bias bias, kernels::Activation activation,
                        ClassificationHead& head) const {
    GANNET_ASSIGN_OR_RETURN(head.dense_, LoadLinear(checkpoint_, name, d_, d_, bias, {}));
    head.activation_ = activation;
    return absl::OkStatus();
  }

  // BERT's pooler is part of the encoder, whose tensors may carry a prefix.
  Head Bert() {
    GANNET_ASSIGN_OR_RETURN(ClassificationHead head, Out("classifier", Bias::kPresent));
    checkpoint_.UsePrefix("pooler.dense.weight", {"", "bert."});
    GANNET_RETURN_IF_ERROR(AddDense("pooler.dense", Bias::kPresent, Tanh, head));
    return head;
  }

  Head DenseAndProjection(kernels::Activation activation) const {
    GANNET_ASSIGN_OR_RETURN(ClassificationHead head, Out("classifier.out_proj", Bias::kPresent));
    GANNET_RETURN_IF_ERROR(AddDense("classifier.dense", Bias::kPresent, activation, head));
    return head;
  }

  Head DistilBert() const {
    GANNET_ASSIGN_OR_RETURN(ClassificationHead head, Out("classifier", Bias::kPresent));
    GANNET_RETURN_IF_ERROR(AddDense("pre_classifier", Bias::kPresent, kernels::Relu, head));
    return head;
  }

  Head DebertaV2() const {
    GANNET_ASSIGN_OR_RETURN(const size_t pooled, file_.SizeOr("pooler_hidden_size", d_));
    if (pooled != d_) {
      return file_.Error("pooler_hidden_size",
                         fmt::format("{} is not supported, expected hidden_size {}", pooled, d_));
    }
    GANNET_ASSIGN_OR_RETURN(const auto activation,
                            ReadActivation(file_, "pooler_hidden_act", "gelu"));
    GANNET_ASSIGN_OR_RETURN(ClassificationHead head, Out("classifier", Bias::kPresent));
    GANNET_RETURN_IF_ERROR(AddDense("pooler.dense", Bias::kPresent, activation, head));
    return head;
  }

  Head ModernBert() const {
    GANNET_ASSIGN_OR_RETURN(const std::string pooling, file_.StringOr("classifier_pooling", "cls"));
    if (pooling != "cls" && pooling != "mean") {
      return file_.Error("classifier_pooling", fmt::format("\"{}\" is not supported", pooling));
    }
    GANNET_ASSIGN_OR_RETURN(const auto activation,
                            ReadActivation(file_, "classifier_activation", "gelu"));
    GANNET_ASSIGN_OR_RETURN(const bool dense_bias, file_.BoolOr("classifier_bias", false));
    GANNET_ASSIGN_OR_RETURN(const bool norm_bias, file_.BoolOr("norm_bias", false));
    GANNET_ASSIGN_OR_RETURN(const double epsilon, file_.NumberOr("norm_eps", 1e-5));
    const auto bias = [](bool present) { return present ? Bias::kPresent : Bias::kAbsent; };
    GANNET_ASSIGN_OR_RETURN(ClassificationHead head, Out("classifier", Bias::kPresent));
    GANNET_RETURN_IF_ERROR(AddDense("head.dense", bias(dense_bias), activation, head));
    GANNET_ASSIGN_OR_RETURN(
        head.norm_, LayerNorm::Load(checkpoint_, "head.norm", d_, epsilon, bias(norm_bias)));
    if (pooling == "mean") head.rows_ = SequenceRows::kAll;
    return head;
  }

  // transformers' decoders for classification look at the last token.
  Head Decoder() const {
    GANNET_ASSIGN_OR_RETURN(ClassificationHead head, Out("score", Bias::kAbsent));
    head.rows_ = SequenceRows::kLast;
    return head;
  }

  ConfigFile file_;
  Checkpoint checkpoint_;
  size_t d_;
};

absl::StatusOr<ClassificationHead> ClassificationHead::Load(const std::filesystem::path& folder) {
  return HeadLoader::Load(folder);
}

absl::StatusOr<ClassificationHead> ClassificationHead::LoadPlain(
    const std::filesystem::path& folder) {
  return HeadLoader::LoadPlain(folder);
}

absl::StatusOr<ClassificationHead> ClassificationHead::LoadAnswers(
    const std::filesystem::path& folder, TokenId yes, TokenId no) {
  GANNET_ASSIGN_OR_RETURN(const ConfigFile file, ConfigFile::Open(folder / "config.json"));
  GANNET_ASSIGN_OR_RETURN(const size_t d, file.Size("hidden_size"));
  const TokenId answers[] = {yes, no};
  GANNET_ASSIGN_OR_RETURN(LmHead out, LmHead::LoadFor(folder, answers, {}));
  ClassificationHead head(std::move(out), d);
  head.rows_ = SequenceRows::kLast;
  return head;
}

size_t ClassificationHead::labels() const {
  const auto* linear = std::get_if<PackedLinear>(&out_);
  return linear == nullptr ? 1 : linear->outputs();
}

std::vector<float> ClassificationHead::Represent(const PackedBatch& batch,
                                                 std::span<const float> states) const {
  std::vector<float> x = rows_ == SequenceRows::kAll
                             ? Means(batch, states, d_)
                             : std::vector<float>(states.begin(), states.end());
  if (dense_) x = Apply(*dense_, x);
  if (activation_ != nullptr) activation_(x);
  if (norm_) norm_->Apply(x.data(), nullptr, batch.sequences(), x.data());
  return x;
}

std::vector<float> ClassificationHead::Logits(std::span<const float> representations) const {
  if (const auto* linear = std::get_if<PackedLinear>(&out_)) return Apply(*linear, representations);
  const size_t rows = representations.size() / d_;
  std::vector<float> answers(2 * rows), logits(rows);
  std::get<LmHead>(out_).Apply(representations, nullptr, answers.data());
  for (size_t i = 0; i < rows; ++i) logits[i] = answers[2 * i] - answers[2 * i + 1];
  return logits;
}

}  // namespace gannet::encoder
