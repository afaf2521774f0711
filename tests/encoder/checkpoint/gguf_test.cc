#include "encoder/checkpoint/gguf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/gguf_model.h"
#include "encoder/checkpoint/model_folder.h"
#include "encoder/models/lm_head.h"
#include "encoder/models/model.h"
#include "encoder/tokenizer/tokenizer.h"
#include "tests/testing/gguf_writer.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tiny_decoder.h"

namespace gannet::encoder {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using testing::FloatTensor;
using testing::GgufString;
using testing::GgufWriter;
using testing::Raw;
using testing::TemporaryFolder;

bool SameBytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

PackedBatch BatchOf(const std::vector<TokenId>& ids) {
  PackedBatch batch;
  batch.Append(ids, std::vector<uint8_t>(ids.size(), 0));
  return batch;
}

std::vector<float> LogitsOf(const std::filesystem::path& path, const std::vector<TokenId>& ids) {
  const auto model = Model::Load(path, {});
  const auto head = LmHead::Load(path, {});
  EXPECT_TRUE(model.ok() && head.ok()) << model.status() << head.status();
  if (!model.ok() || !head.ok()) return {};
  std::vector<float> hidden, logits(ids.size() * head->vocabulary());
  (*model)->Run(BatchOf(ids), nullptr, {}, hidden);
  head->Apply(hidden, nullptr, logits.data());
  return logits;
}

TEST(TensorTest, OneWithoutElementsHasNoValues) {
  // As a slice of nothing has them: no address either.
  EXPECT_TRUE(ToFloats({.dtype = DType::kF32, .shape = {0, 3}, .bytes = {}}).empty());
}

TEST(GgufTest, ValuesOfEveryKindAreRead) {
  const std::string content = GgufWriter()
                                  .Add("text", std::string_view("gannet"))
                                  .Add("count", uint32_t{7})
                                  .Add("share", 0.5F)
                                  .AddRaw("flag", GgufWriter::kBool, Raw(uint8_t{1}))
                                  .AddRaw("below", 1, Raw(int8_t{-3}))
                                  .AddRaw("wide", 12, Raw(0.25))
                                  .Add("words", std::vector<std::string>{"a", "", "bc"})
                                  .Add("numbers", std::vector<float>{1, -2})
                                  .Add("ids", std::vector<int32_t>{5, -6})
                                  .Content();
  ASSERT_OK_AND_ASSIGN(const GgufContent file, GgufContent::Parse(content));
  const GgufMetadata& m = file.metadata;
  EXPECT_EQ(m.String("text"), "gannet");
  EXPECT_EQ(m.Integer("count"), 7);
  EXPECT_EQ(m.Number("count"), 7);
  EXPECT_EQ(m.Number("share"), 0.5);
  EXPECT_EQ(m.Integer("flag"), 1);
  EXPECT_EQ(m.Integer("below"), -3);
  EXPECT_EQ(m.Number("wide"), 0.25);
  EXPECT_EQ(m.Strings("words"), (std::vector<std::string_view>{"a", "", "bc"}));
  EXPECT_EQ(m.Numbers("numbers"), (std::vector<double>{1, -2}));
  EXPECT_EQ(m.Integers("ids"), (std::vector<int64_t>{5, -6}));
  // Nothing of another kind, and nothing that is not there.
  EXPECT_FALSE(m.Integer("share") || m.String("count") || m.Strings("ids") || m.Numbers("words") ||
               m.Integers("numbers") || m.Number("text") || m.Integer("absent"));
}

TEST(GgufTest, TensorsAreRowMajorViewsIntoTheFile) {
  const FloatTensor a{{2, 3}, {1, 2, 3, 4, 5, 6}}, b{{5}, {7, 8, 9, 10, 11}};
  for (const uint64_t alignment : {32u, 8u, 4096u}) {
    GgufWriter writer;
    writer.Add("general.alignment", static_cast<uint32_t>(alignment));
    writer.alignment = alignment;
    const std::string content = writer.AddTensor("a", a).AddTensor("b", b).Content();
    ASSERT_OK_AND_ASSIGN(const GgufContent file, GgufContent::Parse(content));
    EXPECT_EQ(file.tensors.at("a").shape, (Shape{2, 3}));
    EXPECT_EQ(ToFloats(file.tensors.at("a")), a.values);
    EXPECT_EQ(ToFloats(file.tensors.at("b")), b.values);
  }
}

// Blocks of bytes (37 i + 11 + i / 7) mod 256 with scales 0.25 and -0.5 (minima 0.125 and -0.25),
// beside what the dequantisation of llama.cpp's Python package gives.
struct QuantisedCase {
  DType dtype;
  size_t scale_at, minimum_at;  // Bytes of the block; minimum_at 0 for none.
  std::vector<std::pair<size_t, float>> values;
  double sum_of_magnitudes;
};

class BlockQuantizedTest : public ::testing::TestWithParam<QuantisedCase> {};

TEST_P(BlockQuantizedTest, ValuesEqualTheReference) {
  const QuantisedCase& c = GetParam();
  const size_t size = DTypeBlockBytes(c.dtype);
  std::string bytes(2 * size, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 37 + 11 + i / 7);
  const auto set = [&](size_t at, uint16_t bits) { std::memcpy(&bytes[at], &bits, sizeof(bits)); };
  set(c.scale_at, 0x3400);         // 0.25
  set(size + c.scale_at, 0xB800);  // -0.5
  if (c.minimum_at != 0) {
    set(c.minimum_at, 0x3000);
    set(size + c.minimum_at, 0xB400);
  }
  const TensorView tensor{c.dtype, {2, DTypeBlock(c.dtype)}, bytes};
  ASSERT_TRUE(IsFloating(c.dtype));
  const std::vector<float> got = ToFloats(tensor);
  ASSERT_EQ(got.size(), 2 * DTypeBlock(c.dtype));
  for (const auto& [i, value] : c.values) EXPECT_EQ(got[i], value) << i;
  double sum = 0;
  for (const float v : got) sum += std::abs(v);
  EXPECT_EQ(sum, c.sum_of_magnitudes);
}

INSTANTIATE_TEST_SUITE_P(
    Types, BlockQuantizedTest,
    ::testing::Values(
        QuantisedCase{DType::kQ4_0,
                      0,
                      0,
                      {{0, -.75F}, {1, .5F}, {17, -.25F}, {31, 0}, {33, .5F}, {63, 3.5F}},
                      99.5},
        QuantisedCase{DType::kQ8_0,
                      0,
                      0,
                      {{0, 21.25F}, {1, 30.5F}, {17, -13}, {31, -11}, {33, -52.5F}, {63, 30.5F}},
                      1611},
        QuantisedCase{DType::kQ4K,
                      0,
                      2,
                      {{0, 94.25F},
                       {31, 86.5F},
                       {32, 1.875F},
                       {63, 9.875F},
                       {95, 2.5F},
                       {100, 29.375F},
                       {128, 58.5F},
                       {160, 148.75F},
                       {191, 26.75F},
                       {200, 48.875F},
                       {255, 19.625F},
                       {256, 4},
                       {300, -292.25F},
                       {400, -290},
                       {511, -291.75F}},
                      49137.25},
        QuantisedCase{DType::kQ6K,
                      208,
                      0,
                      {{0, 32.5F},
                       {31, -60.5F},
                       {32, 372},
                       {63, 658.75F},
                       {95, 192},
                       {100, 413},
                       {128, -45},
                       {160, -534},
                       {191, -762},
                       {200, -161},
                       {255, 109.25F},
                       {256, 611},
                       {300, -1188},
                       {400, -756},
                       {511, -994.5F}},
                      208164.5}),
    [](const auto& c) { return std::string(DTypeName(c.param.dtype)); });

TEST(GgufModelTest, ARealLlamaGivesTheLogitsOfItsSafetensors) {
  GANNET_SHARED_OR_SKIP(folder, "models/stories260K");
  const std::filesystem::path gguf = folder / "stories260K.gguf";
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Tokenizer::Open(folder));
  ASSERT_OK_AND_ASSIGN(const auto of_gguf, Tokenizer::Open(gguf));
  Encoding want, got;
  const std::string text =
      "Once upon a time, there was a little girl named Lily. Zoë said: \"42!\"";
  ASSERT_OK(tokenizer->Encode(text, {}, want));
  ASSERT_OK(of_gguf->Encode(text, {}, got));
  EXPECT_EQ(got.ids, want.ids);
  EXPECT_EQ(got.offsets, want.offsets);
  const std::vector<float> logits = LogitsOf(folder, want.ids);
  EXPECT_TRUE(SameBytes(LogitsOf(gguf, want.ids), logits));

  // A folder that holds nothing else is the same model.
  const TemporaryFolder alone;
  std::filesystem::create_symlink(gguf, alone.path() / "any.gguf");
  EXPECT_TRUE(SameBytes(LogitsOf(alone.path(), want.ids), logits));
  ASSERT_OK_AND_ASSIGN(const ModelFolder read, ModelFolder::Read(gguf));
  EXPECT_EQ(read.name, "stories260K");
  ASSERT_OK_AND_ASSIGN(const std::string fingerprint, FingerprintOf(read));
  EXPECT_EQ(fingerprint.size(), 32u);
}

// A folder of transformers as llama.cpp's converter writes it.
class Converter {
 public:
  Converter(const std::filesystem::path& folder, std::string architecture)
      : architecture_(std::move(architecture)) {
    std::ifstream(folder / "config.json") >> config_;
    auto file = SafetensorsFile::Open(folder / "model.safetensors");
    EXPECT_TRUE(file.ok()) << file.status();
    if (file.ok()) {
      for (const auto& [name, tensor] : file->tensors())
        Add(name, {tensor.shape, ToFloats(tensor)});
    }
    AddMetadata();
  }

  GgufWriter& writer() { return writer_; }

 private:
  size_t Field(const char* name) const { return config_[name].get<size_t>(); }
  size_t KeyHeads() const {
    return config_.value("num_key_value_heads", Field("num_attention_heads"));
  }

  void AddMetadata() {
    const auto key = [&](std::string_view rest) {
      return fmt::format("{}.{}", architecture_, rest);
    };
    const size_t heads = Field("num_attention_heads");
    const size_t head_dim = config_.value("head_dim", Field("hidden_size") / heads);
    writer_.Add("general.architecture", std::string_view(architecture_));
    for (const auto& [rest, value] :
         std::map<std::string, size_t>{{"embedding_length", Field("hidden_size")},
                                       {"block_count", Field("num_hidden_layers")},
                                       {"feed_forward_length", Field("intermediate_size")},
                                       {"context_length", Field("max_position_embeddings")},
                                       {"attention.head_count", heads},
                                       {"attention.head_count_kv", KeyHeads()},
                                       {"attention.key_length", head_dim},
                                       {"attention.value_length", head_dim}}) {
      writer_.Add(key(rest), static_cast<uint32_t>(value));
    }
    const Json& rope = config_["rope_parameters"];
    const double share = rope.value("partial_rotary_factor", 1.0);
    writer_.Add(key("rope.dimension_count"),
                static_cast<uint32_t>(static_cast<double>(head_dim) * share));
    writer_.Add(key("rope.freq_base"), rope["rope_theta"].get<float>());
    writer_.Add(key("attention.layer_norm_rms_epsilon"), config_.value("rms_norm_eps", 1e-6F));
    writer_.Add(key("attention.layer_norm_epsilon"), config_.value("layer_norm_eps", 1e-5F));
    if (config_.contains("sliding_window") && config_["sliding_window"].is_number()) {
      writer_.Add(key("attention.sliding_window"), static_cast<uint32_t>(Field("sliding_window")));
    }
    if (rope["rope_type"] == "llama3") AddDivisors(rope, head_dim);
  }

  // What Llama 3.1's factors come to, as the converter computes them.
  void AddDivisors(const Json& rope, size_t head_dim) {
    FloatTensor divisors{{head_dim / 2}, {}};
    const double factor = rope["factor"], low = rope["low_freq_factor"];
    const double high = rope["high_freq_factor"];
    const double context = rope["original_max_position_embeddings"];
    for (size_t i = 0; i < head_dim / 2; ++i) {
      const double f = std::pow(rope["rope_theta"].get<double>(),
                                -static_cast<double>(2 * i) / static_cast<double>(head_dim));
      const double wavelength = 2 * 3.14159265358979323846 / f;
      double divisor = 1;
      if (wavelength > context / low) {
        divisor = factor;
      } else if (wavelength >= context / high) {
        const double smooth = (context / wavelength - low) / (high - low);
        divisor = 1 / ((1 - smooth) / factor + smooth);
      }
      divisors.values.push_back(static_cast<float>(divisor));
    }
    writer_.AddTensor("rope_freqs.weight", divisors);
  }

  // [heads, 2, half] -> [heads, half, 2]
  static void Interleave(size_t heads, FloatTensor& tensor) {
    const size_t rows = tensor.shape[0], width = tensor.values.size() / rows,
                 of_head = rows / heads;
    FloatTensor out = tensor;
    for (size_t r = 0; r < rows; ++r) {
      const size_t in_head = r % of_head, half = of_head / 2;
      const size_t to = r / of_head * of_head + in_head % half * 2 + in_head / half;
      std::copy_n(&tensor.values[r * width], width, &out.values[to * width]);
    }
    tensor = out;
  }

  // [heads, 3, size] -> [3, heads, size]
  static void SplitKinds(size_t heads, FloatTensor& tensor) {
    const size_t rows = tensor.shape[0], width = tensor.values.size() / rows;
    const size_t size = rows / 3 / heads;
    FloatTensor out = tensor;
    for (size_t r = 0; r < rows; ++r) {
      const size_t head = r / (3 * size), kind = r / size % 3;
      const size_t to = (kind * heads + head) * size + r % size;
      std::copy_n(&tensor.values[r * width], width, &out.values[to * width]);
    }
    tensor = out;
  }

  void Add(std::string name, FloatTensor tensor) {
    const bool gemma = architecture_.starts_with("gemma");
    if (gemma && name.ends_with("norm.weight")) {
      for (float& v : tensor.values) v += 1;
    }
    const size_t heads = Field("num_attention_heads");
    if (architecture_ == "llama" || architecture_ == "smollm3") {
      if (name.find("q_proj") != name.npos) Interleave(heads, tensor);
      if (name.find("k_proj") != name.npos) Interleave(KeyHeads(), tensor);
    }
    if (name.find("query_key_value") != name.npos) SplitKinds(heads, tensor);
    const std::vector<std::pair<std::string, std::string>> replacements = {
        {"^(model|gpt_neox)\\.layers\\.", "blk."},
        {"^model\\.embed_tokens|^gpt_neox\\.embed_in", "token_embd"},
        {"^model\\.norm|^gpt_neox\\.final_layer_norm", "output_norm"},
        {"^lm_head|^embed_out", "output"},
        {"self_attn\\.([qk])_norm", "attn_$1_norm"},
        {"self_attn\\.([qkv])_proj", "attn_$1"},
        {"self_attn\\.qkv_proj|attention\\.query_key_value", "attn_qkv"},
        {"self_attn\\.o_proj|attention\\.dense", "attn_output"},
        {"mlp\\.gate_up_proj|mlp\\.dense_h_to_4h", "ffn_up"},
        {"mlp\\.dense_4h_to_h", "ffn_down"},
        {"mlp\\.(gate|up|down)_proj", "ffn_$1"},
        {"input_layernorm", "attn_norm"},
        {"pre_feedforward_layernorm", "ffn_norm"},
        {"post_feedforward_layernorm", "post_ffw_norm"},
        {"post_attention_layernorm", gemma ? "post_attention_norm" : "ffn_norm"}};
    for (const auto& [from, to] : replacements) {
      name = std::regex_replace(name, std::regex(from), to);
    }
    writer_.AddTensor(name, tensor);
  }

  std::string architecture_;
  Json config_;
  GgufWriter writer_;
};

class GgufFamilyTest : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

INSTANTIATE_TEST_SUITE_P(
    Families, GgufFamilyTest,
    ::testing::Values(std::pair{"llama", "llama"}, std::pair{"llama_tied", "llama"},
                      std::pair{"llama3_rope", "llama"}, std::pair{"mistral_window", "llama"},
                      std::pair{"qwen2", "qwen2"}, std::pair{"qwen3", "qwen3"},
                      std::pair{"phi3", "phi3"}, std::pair{"smollm3", "smollm3"},
                      std::pair{"gemma2", "gemma2"}, std::pair{"gpt_neox", "gptneox"}),
    [](const auto& family) { return std::string(family.param.first); });

TEST_P(GgufFamilyTest, GivesTheLogitsOfTheFolderItWasConvertedFrom) {
  const auto [family, architecture] = GetParam();
  GANNET_SHARED_OR_SKIP(folder, std::string("golden/families/") + family);
  const TemporaryFolder converted;
  const auto file =
      converted.Write("model.gguf", Converter(folder, architecture).writer().Content());
  std::vector<TokenId> ids;
  for (int i = 0; i < 40; ++i) ids.push_back((i * 29 + 3) % 97);
  const std::vector<float> want = LogitsOf(folder, ids), got = LogitsOf(file, ids);
  ASSERT_EQ(got.size(), want.size());
  // Gemma's scales and Llama 3's frequencies are rounded once more in the file.
  const bool rounded = family == std::string("gemma2") || family == std::string("llama3_rope");
  EXPECT_TRUE(rounded || SameBytes(got, want));
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 2e-5) << i;
}

// The converted tiny decoder, with or without one thing that is wrong.
GgufWriter TinyGguf() {
  testing::TinyDecoder decoder;
  decoder.Configure();
  return Converter(decoder.path(), "llama").writer();
}

TEST(GgufModelTest, ATinyDecoderGivesTheLogitsOfItsFolder) {
  testing::TinyDecoder decoder;
  decoder.Configure();
  const TemporaryFolder converted;
  const auto file =
      converted.Write("tiny.gguf", Converter(decoder.path(), "llama").writer().Content());
  const std::vector<TokenId> ids = {3, 7, 1, 19, 7, 0, 12, 5, 2, 3};
  EXPECT_TRUE(SameBytes(LogitsOf(file, ids), LogitsOf(decoder.path(), ids)));
}

TEST(GgufModelTest, QuantisedWeightsAreTheNumbersTheyStandFor) {
  // One row of 32: d = 0.5, q = -16 ... 15.
  std::string block = Raw(uint16_t{0x3800});
  for (int q = -16; q < 16; ++q) block += static_cast<char>(q);
  const TemporaryFolder folder;
  folder.Write("model.gguf",
               TinyGguf().AddTensor({"blk.7.attn_v.weight", {32, 1}, 8, block}).Content());
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
  ASSERT_OK_AND_ASSIGN(const std::vector<float> values,
                       checkpoint.Floats("model.layers.7.self_attn.v_proj.weight", {1, 32}));
  for (int i = 0; i < 32; ++i) EXPECT_EQ(values[i], 0.5F * static_cast<float>(i - 16));
}

struct Malformed {
  std::string name;
  std::function<std::string()> content;
  std::vector<std::string> expected;  // Parts of the message.
};

// A header with these counts and what follows.
std::string Header(uint64_t tensors, uint64_t entries, std::string_view rest = "",
                   uint32_t version = 3) {
  return "GGUF" + Raw(version) + Raw(tensors) + Raw(entries) + std::string(rest);
}

// One key of a type with these bytes.
std::function<std::string()> OneKey(std::string key, uint32_t type, std::string bytes) {
  return [=] { return Header(0, 1, GgufString(key) + Raw(type) + bytes); };
}

std::function<std::string()> OneTensor(GgufWriter::Tensor tensor) {
  return [=] { return GgufWriter().AddTensor(tensor).Content(); };
}

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
const std::string kFour(16, '\0');

const std::vector<Malformed> kMalformed = {
    {"Empty", [] { return ""; }, {"not a GGUF file"}},
    {"OtherMagic", [] { return "GGML" + std::string(60, '\0'); }, {"not a GGUF file"}},
    {"MagicAlone", [] { return "GGUF"; }, {"version 0"}},
    {"VersionOne", [] { return Header(0, 0, "", 1); }, {"version 1"}},
    {"VersionFour", [] { return Header(0, 0, "", 4); }, {"version 4"}},
    {"OtherByteOrder", [] { return Header(0, 0, "", 0x03000000); }, {"version 50331648"}},
    {"NoCounts", [] { return "GGUF" + Raw(uint32_t{3}); }, {"ends early"}},
    {"HalfACount",
     [] { return "GGUF" + Raw(uint32_t{3}) + std::string(11, '\0'); },
     {"ends early"}},
    {"MoreKeysThanThere", [] { return Header(0, 3); }, {"metadata 0", "ends early"}},
    {"KeysWithoutEnd", [] { return Header(0, kHuge); }, {"metadata 0", "ends early"}},
    {"TensorsWithoutEnd", [] { return Header(kHuge, 0); }, {"tensor 0", "ends early"}},
    {"KeyLongerThanTheFile",
     [] { return Header(0, 1, Raw(uint64_t{1000}) + "abc"); },
     {"metadata 0", "ends early"}},
    {"KeyLengthOverflows", [] { return Header(0, 1, Raw(kHuge) + "abc"); }, {"ends early"}},
    {"KeyWithoutType", [] { return Header(0, 1, GgufString("abc")); }, {"\"abc\"", "ends early"}},
    {"TypeNotKnown", OneKey("abc", 13, kFour), {"\"abc\"", "type 13 is not known"}},
    {"TypeHuge", OneKey("abc", 0xFFFFFFFF, kFour), {"type 4294967295 is not known"}},
    {"ValueCut", OneKey("abc", 10, "1234"), {"\"abc\"", "ends early"}},
    {"StringCut", OneKey("abc", 8, Raw(uint64_t{9}) + "x"), {"\"abc\"", "ends early"}},
    {"StringLengthOverflows", OneKey("abc", 8, Raw(kHuge) + "x"), {"ends early"}},
    {"KeyTwice",
     [] { return GgufWriter().Add("abc", uint32_t{1}).Add("abc", uint32_t{2}).Content(); },
     {"\"abc\" stands twice"}},
    {"KeyIsNoText", OneKey("a\xFF\xFE", 13, kFour), {"\"a\xEF\xBF\xBD"}},
    {"ArrayOfArrays", OneKey("abc", 9, Raw(uint32_t{9}) + Raw(uint64_t{1})), {"array of type 9"}},
    {"ArrayOfUnknown", OneKey("abc", 9, Raw(uint32_t{77}) + Raw(uint64_t{1})), {"type 77"}},
    {"ArrayLongerThanTheFile",
     OneKey("abc", 9, Raw(uint32_t{5}) + Raw(uint64_t{5}) + kFour),
     {"\"abc\"", "an array of 5 elements"}},
    {"ArraySizeOverflows",
     OneKey("abc", 9, Raw(uint32_t{10}) + Raw(uint64_t{1} << 61) + kFour),
     {"an array of 2305843009213693952 elements"}},
    {"StringsWithoutEnd",
     OneKey("abc", 9, Raw(uint32_t{8}) + Raw(kHuge) + kFour),
     {"an array of 18446744073709551615 elements"}},
    {"StringOfArrayCut",
     OneKey("abc", 9,
            Raw(uint32_t{8}) + Raw(uint64_t{2}) + Raw(uint64_t{1}) + "a" + Raw(uint64_t{9})),
     {"\"abc\"", "ends early"}},
    {"TensorNameCut",
     [] { return Header(1, 0, Raw(uint64_t{9}) + "ab"); },
     {"tensor 0", "ends early"}},
    {"TensorCut",
     [] { return Header(1, 0, GgufString("ab") + Raw(uint32_t{2}) + Raw(uint64_t{4})); },
     {"\"ab\"", "ends early"}},
    {"NoExtents", OneTensor({"ab", {}, 0, kFour}), {"\"ab\"", "0 extents"}},
    {"FiveExtents", OneTensor({"ab", {1, 1, 1, 1, 1}, 0, kFour}), {"5 extents"}},
    {"ExtentsWithoutEnd",
     [] { return Header(1, 0, GgufString("ab") + Raw(0xFFFFFFFFu) + kFour); },
     {"4294967295 extents"}},
    {"ExtentZero", OneTensor({"ab", {4, 0}, 0, kFour}), {"extents [4, 0]"}},
    {"ExtentsOverflow", OneTensor({"ab", {1ull << 32, 1ull << 32}, 0, kFour}), {"do not fit"}},
    {"ExtentsWrapToFew",
     OneTensor({"ab", {1ull << 62, 4}, 0, kFour}),
     {"extents [4611686018427387904, 4]", "do not fit"}},
    {"TensorTypeNotKnown", OneTensor({"ab", {4}, 99, kFour}), {"\"ab\"", "type 99"}},
    {"TensorTypeNotRead", OneTensor({"ab", {256}, 10, kFour}), {"type 10", "Q4_K"}},
    {"RowsAreNoBlocks", OneTensor({"ab", {33}, 8, std::string(68, 'x')}), {"rows of 33", "32"}},
    {"TensorTwice",
     [] {
       return GgufWriter()
           .AddTensor({"ab", {4}, 0, kFour})
           .AddTensor({"ab", {4}, 0, kFour})
           .Content();
     },
     {"tensor \"ab\" stands twice"}},
    {"TensorBehindTheEnd",
     OneTensor({"ab", {4}, 0, kFour, 4096}),
     {"tensor \"ab\" begins at byte 4096"}},
    {"OffsetOverflows", OneTensor({"ab", {4}, 0, kFour, kHuge - 3}), {"18446744073709551612"}},
    {"OffsetNotAligned", OneTensor({"ab", {4}, 0, kFour + kFour, 16}), {"begins at byte 16"}},
    {"TensorsOverlap",
     [] {
       return GgufWriter()
           .AddTensor({"ab", {4}, 0, kFour})
           .AddTensor({"cd", {4}, 0, kFour, 0})
           .Content();
     },
     {"begins at byte 0", "expected 32"}},
    {"DataCut",
     [] {
       std::string file = GgufWriter().AddTensor({"ab", {4}, 0, kFour}).Content();
       file.pop_back();
       return file;
     },
     {"tensor \"ab\"", "16 bytes", "15 bytes of data"}},
    {"NoData",
     [] {
       const std::string file = GgufWriter().AddTensor({"ab", {4}, 0, kFour}).Content();
       return file.substr(0, file.size() - 20);
     },
     {"ends before the tensors"}},
    {"MoreData",
     [] {
       return GgufWriter().AddTensor({"ab", {4}, 0, kFour}).Content() + std::string(64, 'x');
     },
     {"the tensors end at byte 16 of 80"}},
    {"AlignmentNoPower",
     [] {
       return GgufWriter()
           .Add("general.alignment", uint32_t{24})
           .AddTensor({"ab", {4}, 0, kFour})
           .Content();
     },
     {"general.alignment", "24"}},
    {"AlignmentZero",
     [] {
       return GgufWriter()
           .Add("general.alignment", uint32_t{0})
           .AddTensor({"ab", {4}, 0, kFour})
           .Content();
     },
     {"general.alignment", "0"}},
    {"AlignmentIsText",
     [] {
       return GgufWriter()
           .Add("general.alignment", std::string_view("32"))
           .AddTensor({"ab", {4}, 0, kFour})
           .Content();
     },
     {"general.alignment"}},
};

class MalformedGgufTest : public ::testing::TestWithParam<Malformed> {};

INSTANTIATE_TEST_SUITE_P(Files, MalformedGgufTest, ::testing::ValuesIn(kMalformed),
                         [](const auto& c) { return c.param.name; });

TEST_P(MalformedGgufTest, IsRefusedWithTheFileAndWhatIsWrong) {
  const TemporaryFolder folder;
  const auto path = folder.Write("bad.gguf", GetParam().content());
  const absl::Status status = GgufFile::Open(path).status();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("bad.gguf"));
  for (const std::string& part : GetParam().expected) {
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(part));
  }
  EXPECT_FALSE(Model::Load(folder.path(), {}).ok());
  EXPECT_FALSE(Tokenizer::Open(folder.path()).ok());
}

// Every beginning of a good file is refused or, where the tensors are complete, read.
TEST(MalformedGgufTest, NoBeginningOfAFileIsTakenForTheWhole) {
  const std::string content = TinyGguf().Content();
  for (size_t size = 0; size < content.size(); size += size < 3000 ? 1 : 101) {
    // A buffer of its own, so that a sanitizer sees reads beyond its end.
    const std::vector<char> cut(content.begin(), content.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(GgufContent::Parse({cut.data(), cut.size()}).ok()) << size;
  }
  EXPECT_TRUE(GgufContent::Parse(content).ok());
}

// Files in order as containers that hold no model that is read.
struct NoModel {
  std::string name;
  std::function<void(GgufWriter&)> spoil;
  std::vector<std::string> expected;
};

class GgufWithoutModelTest : public ::testing::TestWithParam<NoModel> {};

// The entries of a Llama, but those whose key ends in `left_out`, and one tensor.
GgufWriter Entries(std::string_view left_out) {
  GgufWriter writer;
  if (left_out != "architecture") writer.Add("general.architecture", std::string_view("llama"));
  for (const auto& [rest, value] : std::map<std::string, uint32_t>{{"embedding_length", 16},
                                                                   {"block_count", 2},
                                                                   {"feed_forward_length", 24},
                                                                   {"context_length", 64},
                                                                   {"attention.head_count", 4}}) {
    if (rest != left_out) writer.Add("llama." + rest, value);
  }
  if (left_out != "tensor")
    writer.AddTensor("token_embd.weight", testing::RandomTensor({20, 16}, 1));
  return writer;
}

INSTANTIATE_TEST_SUITE_P(
    Files, GgufWithoutModelTest,
    ::testing::Values(
        NoModel{"NoArchitecture",
                [](GgufWriter& w) { w = Entries("architecture"); },
                {"general.architecture", "missing"}},
        NoModel{
            "OtherArchitecture",
            [](GgufWriter& w) {
              w = Entries("architecture").Add("general.architecture", std::string_view("rwkv6"));
            },
            {"general.architecture", "rwkv6", "llama, qwen2"}},
        NoModel{"NoWidth",
                [](GgufWriter& w) { w = Entries("embedding_length"); },
                {"llama.embedding_length: missing"}},
        NoModel{"NoLayers",
                [](GgufWriter& w) { w = Entries("block_count"); },
                {"llama.block_count: missing"}},
        NoModel{"NoContext",
                [](GgufWriter& w) { w = Entries("context_length"); },
                {"llama.context_length: missing"}},
        NoModel{"WidthZero",
                [](GgufWriter& w) {
                  w = Entries("embedding_length").Add("llama.embedding_length", uint32_t{0});
                },
                {"llama.embedding_length", "found 0"}},
        NoModel{"HeadsByLayer",
                [](GgufWriter& w) {
                  w = Entries("attention.head_count")
                          .Add("llama.attention.head_count", std::vector<int32_t>{4, 4});
                },
                {"llama.attention.head_count", "not a whole number"}},
        NoModel{
            "HeadsDoNotDivide",
            [](GgufWriter& w) {
              w = Entries("attention.head_count").Add("llama.attention.head_count", uint32_t{3});
            },
            {"llama.attention.head_count", "3"}},
        NoModel{"Experts",
                [](GgufWriter& w) { w = Entries("").Add("llama.expert_count", uint32_t{8}); },
                {"llama.expert_count", "8"}},
        NoModel{"Yarn",
                [](GgufWriter& w) {
                  w = Entries("").Add("llama.rope.scaling.type", std::string_view("yarn"));
                },
                {"llama.rope.scaling.type", "yarn"}},
        NoModel{
            "RotatesMoreThanItHas",
            [](GgufWriter& w) { w = Entries("").Add("llama.rope.dimension_count", uint32_t{32}); },
            {"llama.rope.dimension_count", "32 of 4"}},
        NoModel{"EpsilonIsNoNumber",
                [](GgufWriter& w) {
                  w = Entries("").Add("llama.attention.layer_norm_rms_epsilon", NAN);
                },
                {"layer_norm_rms_epsilon", "finite"}},
        NoModel{
            "OtherValueSize",
            [](GgufWriter& w) { w = Entries("").Add("llama.attention.value_length", uint32_t{8}); },
            {"llama.attention.value_length", "8"}},
        NoModel{"NoTokenVectors",
                [](GgufWriter& w) { w = Entries("tensor"); },
                {"token_embd.weight", "missing"}},
        NoModel{"NoWeights",
                [](GgufWriter& w) { w = Entries(""); },
                {"no tensor model.layers.0.self_attn.q_proj.weight"}},
        NoModel{
            "QueriesAreNotThoseOfTheHeads",
            [](GgufWriter& w) {
              w = Entries("").AddTensor("blk.0.attn_q.weight", testing::RandomTensor({7, 16}, 1));
            },
            {"blk.0.attn_q.weight", "7 rows", "4 heads"}},
        NoModel{
            "OtherShape",
            [](GgufWriter& w) {
              w = Entries("").AddTensor("blk.0.attn_q.weight", testing::RandomTensor({16, 8}, 1));
            },
            {"self_attn.q_proj.weight", "[16, 8]", "[16, 16]"}},
        NoModel{"Divisors",
                [](GgufWriter& w) {
                  w = Entries("").AddTensor("rope_freqs.weight", testing::RandomTensor({7}, 1));
                },
                {"divisors", "7 entries for 2"}},
        NoModel{"WeightIsNoNumber",
                [](GgufWriter& w) {
                  FloatTensor words = testing::RandomTensor({20, 16}, 1);
                  words.values[5] = NAN;
                  w = Entries("tensor").AddTensor("token_embd.weight", words);
                },
                {"embed_tokens.weight", "element 5 is nan"}}),
    [](const auto& c) { return c.param.name; });

TEST_P(GgufWithoutModelTest, IsRefusedWithTheKeyOrTensor) {
  GgufWriter writer;
  GetParam().spoil(writer);
  const TemporaryFolder folder;
  const auto path = folder.Write("other.gguf", writer.Content());
  const absl::Status status = Model::Load(path, {}).status();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("other.gguf"));
  for (const std::string& part : GetParam().expected) {
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(part));
  }
}

TEST(GgufModelTest, TwoFilesOfAFolderAreNoModel) {
  const TemporaryFolder folder;
  folder.Write("a.gguf", TinyGguf().Content());
  EXPECT_TRUE(Model::Load(folder.path(), {}).ok());
  folder.Write("b.gguf", TinyGguf().Content());
  const absl::Status status = Model::Load(folder.path(), {}).status();
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("config.json"));
}

}  // namespace
}  // namespace gannet::encoder
