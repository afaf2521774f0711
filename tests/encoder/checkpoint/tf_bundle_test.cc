#include "encoder/checkpoint/tf_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "encoder/checkpoint/safetensors.h"
#include "encoder/checkpoint/tf_names.h"
#include "encoder/models/model.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/tf_bundle_writer.h"

namespace gannet::encoder {
namespace {

using testing::BlockPlace;
using testing::BundleEntry;
using testing::BundleEntryOf;
using testing::BundleHeader;
using testing::FloatTensors;
using ::testing::HasSubstr;
using testing::ProtoBytes;
using testing::ProtoVarint;
using testing::RandomTensor;
using testing::Serialized;
using testing::SortedTable;
using testing::TableBlock;
using testing::TableBlockWithTrailer;
using testing::TableEntries;
using testing::TableFooter;
using testing::TemporaryFolder;
using testing::Varint;
using testing::WriteBundle;

// Names in the order of their bytes, enough of them for several blocks.
FloatTensors ManyTensors() {
  FloatTensors tensors;
  for (size_t i = 0; i < 150; ++i) {
    tensors["bert/encoder/layer_" + std::to_string(i) + "/output/dense/bias"] =
        RandomTensor({1 + i % 7}, static_cast<unsigned>(i));
  }
  tensors["bert/pooler/dense/kernel"] = RandomTensor({3, 2}, 1000);
  tensors["bert/embeddings/word_embeddings"] = RandomTensor({4, 3}, 1001);
  tensors["scalar"] = RandomTensor({}, 1002);
  return tensors;
}

TEST(TfBundleTest, ReadsEveryVariableOfEveryShard) {
  const FloatTensors tensors = ManyTensors();
  for (const size_t shards : {1, 3}) {
    const TemporaryFolder folder;
    WriteBundle(folder.path() / "model.ckpt-7", tensors, shards);
    ASSERT_OK_AND_ASSIGN(const TfBundle bundle,
                         TfBundle::Open(folder.path() / "model.ckpt-7.index"));
    ASSERT_EQ(bundle.tensors().size(), tensors.size());
    for (const auto& [name, tensor] : tensors) {
      const TensorView& view = bundle.tensors().at(name);
      EXPECT_EQ(view.shape, tensor.shape) << name;
      EXPECT_EQ(ToFloats(view), tensor.values) << name;
    }
  }
}

// TensorFlow 2.21's Saver, of a tiny SMITH, with an optimiser's variables and other types beside
// it.
TEST(TfBundleTest, ReadsWhatTensorFlowWrites) {
  const std::filesystem::path folder = testing::TestData("smith_tf");
  ASSERT_OK_AND_ASSIGN(const TfBundle bundle, TfBundle::Open(folder / "model.ckpt-7.index"));
  EXPECT_EQ(bundle.tensors().size(), 85U + 3);
  EXPECT_FALSE(bundle.tensors().contains("global_step"));
  EXPECT_FALSE(bundle.tensors().contains("bert/pooler/dense/bias/adam_m"));
  EXPECT_EQ(ToFloats(bundle.tensors().at("extra/half")), (std::vector<float>{1, 2.5}));
  EXPECT_EQ(ToFloats(bundle.tensors().at("extra/bf16")), (std::vector<float>{1, -2.5}));
  EXPECT_EQ(bundle.tensors().at("extra/int32").dtype, DType::kI32);
  GANNET_SHARED_OR_SKIP(path, "golden/smith/model.safetensors");
  ASSERT_OK_AND_ASSIGN(const auto golden, SafetensorsFile::Open(path));
  ASSERT_EQ(golden.tensors().size(), 85U);
  for (const auto& [name, tensor] : golden.tensors()) {
    EXPECT_EQ(bundle.tensors().at(name).shape, tensor.shape) << name;
    EXPECT_EQ(bundle.tensors().at(name).bytes, tensor.bytes) << name;
  }
}

TEST(TfBundleTest, VariablesThatTensorFlowSavedInSlicesAreRefused) {
  const absl::StatusOr<std::string> index =
      base::ReadFile(testing::TestData("../encoder/checkpoint/fuzz/corpus/tf_bundle/slices"));
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_THAT(std::string(base::Message(TfIndex::Parse(*index).status())),
              HasSubstr("variable part: saved in 2 slices, which are not read"));
}

TEST(TfBundleTest, OpensAsACheckpointUnderTheNamesOfTransformers) {
  const FloatTensors tensors = ManyTensors();
  const TemporaryFolder folder;
  WriteBundle(folder.path() / "bert_model.ckpt", tensors);
  ASSERT_OK_AND_ASSIGN(Checkpoint checkpoint, Checkpoint::Open(folder.path()));
  const std::vector<float>& kernel = tensors.at("bert/pooler/dense/kernel").values;  // [3, 2]
  ASSERT_OK_AND_ASSIGN(const auto weight, checkpoint.Floats("bert.pooler.dense.weight", {2, 3}));
  EXPECT_EQ(weight, (std::vector<float>{kernel[0], kernel[2], kernel[4],  //
                                        kernel[1], kernel[3], kernel[5]}));
  checkpoint.UsePrefix("pooler.dense.weight", {"", "bert."});
  ASSERT_OK_AND_ASSIGN(const auto words,
                       checkpoint.Floats("embeddings.word_embeddings.weight", {4, 3}));
  EXPECT_EQ(words, tensors.at("bert/embeddings/word_embeddings").values);
  ASSERT_OK_AND_ASSIGN(const auto row, checkpoint.Row("embeddings.word_embeddings.weight", 2, 3));
  EXPECT_EQ(row, std::vector<float>(words.begin() + 6, words.begin() + 9));
  for (const auto& status : {checkpoint.Row("embeddings.word_embeddings.weight", 4, 3).status(),
                             checkpoint.Row("embeddings.word_embeddings.weight", 0, 4).status(),
                             checkpoint.Row("pooler.dense.weight", 0, 3).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  }
  EXPECT_THAT(std::string(base::Message(checkpoint.Floats("x", {1}).status())),
              HasSubstr("bert_model.ckpt.index: no tensor bert.x, expected [1]"));
}

TEST(TfBundleTest, KnowsWhatTransformersCallsAVariable) {
  EXPECT_EQ(FromTfName("bert/encoder/layer_0/attention/self/query/kernel"),
            "bert.encoder.layer.0.attention.self.query.weight");
  EXPECT_EQ(FromTfName("doc_bert/doc_encoder/layer_12/output/LayerNorm/gamma"),
            "doc_bert.doc_encoder.layer.12.output.LayerNorm.gamma");
  EXPECT_EQ(FromTfName("bert/embeddings/token_type_embeddings"),
            "bert.embeddings.token_type_embeddings.weight");
  EXPECT_EQ(FromTfName("cls/layer_norm/gamma"), "cls.layer_norm.gamma");
  EXPECT_EQ(FromTfName("combine_reps_attention/context_vector"),
            "combine_reps_attention.context_vector");
}

// What Google's BERT calls a tensor of transformers', and whether it is stored the other way round.
std::pair<std::string, bool> TfNameOf(std::string name) {
  bool transposed = false;
  if (const size_t layer = name.find("layer."); layer != name.npos) name[layer + 5] = '_';
  for (char& c : name) c = c == '.' ? '/' : c;
  const auto end_in = [&](std::string_view old, std::string_view fresh) {
    if (!name.ends_with(old)) return false;
    name.replace(name.size() - old.size(), old.size(), fresh);
    return true;
  };
  if (!end_in("LayerNorm/weight", "LayerNorm/gamma") &&
      !end_in("LayerNorm/bias", "LayerNorm/beta") && !end_in("_embeddings/weight", "_embeddings")) {
    transposed = end_in("/weight", "/kernel");
  }
  return {"bert/" + name, transposed};
}

TEST(TfBundleTest, ABertOfGooglesIsTheOneThatTransformersSaves) {
  const std::filesystem::path tiny = testing::TestData("tiny_bert");
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(tiny / "model.safetensors"));
  FloatTensors tensors;
  for (const auto& [name, view] : file.tensors()) {
    if (!IsFloating(view.dtype)) continue;
    const auto [tf_name, transposed] = TfNameOf(name);
    testing::FloatTensor tensor{view.shape, ToFloats(view)};
    if (transposed) {
      const size_t rows = view.shape[0], columns = view.shape[1];
      const std::vector<float> values = tensor.values;
      tensor.shape = {columns, rows};
      for (size_t i = 0; i < values.size(); ++i) {
        tensor.values[i % columns * rows + i / columns] = values[i];
      }
    }
    tensors[tf_name] = std::move(tensor);
  }
  const TemporaryFolder folder;
  std::filesystem::copy(tiny / "config.json", folder.path() / "config.json");
  WriteBundle(folder.path() / "bert_model.ckpt", tensors, 2);
  ASSERT_OK_AND_ASSIGN(const auto saved, Model::Load(tiny, {}));
  ASSERT_OK_AND_ASSIGN(const auto bundled, Model::Load(folder.path(), {}));
  PackedBatch batch;
  batch.Append(std::vector<TokenId>{2, 9, 5, 3}, std::vector<uint8_t>(4));
  std::vector<float> want, got;
  saved->Forward(batch, nullptr, want, nullptr);
  bundled->Forward(batch, nullptr, got, nullptr);
  EXPECT_EQ(got, want);
}

// A bundle of some entries behind a header, each with the two floats 1 and 2.
constexpr std::string_view kTwo("\0\0\x80\x3f\0\0\0\x40", 8);

std::string IndexOf(const TableEntries& entries, const std::string& header = BundleHeader()) {
  TableEntries all = {{"", header}};
  all.insert(all.end(), entries.begin(), entries.end());
  return SortedTable(all);
}
BundleEntry TwoFloats() { return BundleEntryOf({2}, kTwo, 0); }

TEST(TfBundleTest, LeavesOutWhatNoModelReads) {
  BundleEntry text = TwoFloats(), half = BundleEntryOf({4}, kTwo, 0);
  text.dtype = 7;  // DT_STRING
  half.dtype = 19;
  ASSERT_OK_AND_ASSIGN(const TfIndex index,
                       TfIndex::Parse(IndexOf({{std::string("\0\x01slice", 7), "no entry"},
                                               {"global_step", Serialized(TwoFloats())},
                                               {"half", Serialized(half)},
                                               {"text", Serialized(text)},
                                               {"w", Serialized(TwoFloats())},
                                               {"w/adam_m", Serialized(TwoFloats())},
                                               {"w/adam_v", Serialized(TwoFloats())}})));
  ASSERT_EQ(index.variables.size(), 2U);
  EXPECT_EQ(index.variables.at("half").dtype, DType::kF16);
  ASSERT_OK_AND_ASSIGN(const TensorView view, FindTfVariable(index.variables.at("w"), kTwo));
  EXPECT_EQ(ToFloats(view), (std::vector<float>{1, 2}));
}

// Opens an index whose one data file holds two floats; the message of the error.
std::string ErrorOf(std::string_view index, std::string_view data = kTwo) {
  const TemporaryFolder folder;
  folder.Write("m.ckpt.index", index);
  folder.Write("m.ckpt.data-00000-of-00001", data);
  const auto checkpoint = Checkpoint::Open(folder.path());
  EXPECT_FALSE(checkpoint.ok());
  if (checkpoint.ok()) return "";
  const std::string message(base::Message(checkpoint.status()));
  EXPECT_THAT(message, HasSubstr("m.ckpt."));
  return message;
}
std::string EntryError(const BundleEntry& entry, std::string_view data = kTwo) {
  const std::string message = ErrorOf(IndexOf({{"w", Serialized(entry)}}), data);
  EXPECT_THAT(message, HasSubstr("variable w"));
  return message;
}

TEST(TfBundleTest, RefusesAFooterOfAnotherFile) {
  const std::string good = IndexOf({{"w", Serialized(TwoFloats())}});
  EXPECT_THAT(ErrorOf(""), HasSubstr("only 0 bytes long"));
  EXPECT_THAT(ErrorOf(good.substr(good.size() - 47)), HasSubstr("only 47 bytes long"));
  EXPECT_THAT(ErrorOf(good + "x"), HasSubstr("does not end as a table does"));
  EXPECT_THAT(ErrorOf(TableFooter("", std::string(11, '\xff'))),
              HasSubstr("the footer names no index block"));
  EXPECT_THAT(ErrorOf(TableFooter(BlockPlace(0, 0), BlockPlace(1 << 20, 8))),
              HasSubstr("lies outside the 0 bytes of blocks"));
  constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();
  EXPECT_THAT(ErrorOf(std::string(64, 'x') + TableFooter(BlockPlace(0, 0), BlockPlace(8, kHuge))),
              HasSubstr("lies outside the 64 bytes of blocks"));
}

TEST(TfBundleTest, EveryChangedByteOfTheIndexIsFound) {
  const std::string good =
      IndexOf({{"a", Serialized(TwoFloats())}, {"b", Serialized(TwoFloats())}});
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    const auto index = TfIndex::Parse(bad);
    // The footer's padding and the place of the empty index of filters, with its block, say
    // nothing.
    if (!index.ok()) continue;
    EXPECT_EQ(index->variables.size(), 2U) << i;
    EXPECT_EQ(index->variables.at("b").masked_crc, TwoFloats().masked_crc) << i;
  }
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(TfIndex::Parse(std::string_view(good).substr(0, length)).ok()) << length;
  }
}

// A table of one block of entries, and one of entries that lists it.
std::string TableOf(const std::string& block, uint8_t compression = 0) {
  const std::string first = TableBlockWithTrailer(block, compression);
  const std::string index = TableBlock({{"z", BlockPlace(0, block.size())}});
  return first + TableBlockWithTrailer(index) +
         TableFooter(BlockPlace(0, 0), BlockPlace(first.size(), index.size()));
}
// Three lengths, a key and a value, in a block whose restarts are in order.
std::string BlockOf(std::string_view entries) {
  return std::string(entries) + std::string("\0\0\0\0\1\0\0\0", 8);
}

TEST(TfBundleTest, RefusesBlocksThatAreNone) {
  EXPECT_THAT(ErrorOf(TableOf(BlockOf(""), 1)), HasSubstr("is compressed with Snappy"));
  EXPECT_THAT(ErrorOf(TableOf(BlockOf(""), 9)), HasSubstr("has compression 9, expected 0"));
  EXPECT_THAT(ErrorOf(TableOf("abc")), HasSubstr("block at byte 0: 3 bytes are no block"));
  EXPECT_THAT(ErrorOf(TableOf("\xff\xff\xff\xff")), HasSubstr("restarts in a block of 0 bytes"));
  EXPECT_THAT(ErrorOf(TableOf(BlockOf(""))), HasSubstr("has no entries"));
  EXPECT_THAT(ErrorOf(TableOf(BlockOf("\x80"))), HasSubstr("an entry's lengths are cut off"));
  EXPECT_THAT(ErrorOf(TableOf(BlockOf(std::string("\x01\x01\x00z", 4)))),
              HasSubstr("shares 1 bytes and has 1 and 0 of its own does not fit"));
  EXPECT_THAT(ErrorOf(TableOf(BlockOf(std::string("\x00\x05\x00z", 4)))), HasSubstr("not fit"));
  EXPECT_THAT(ErrorOf(TableOf(BlockOf(std::string("\x00\x00\x05z", 4)))), HasSubstr("not fit"));
  EXPECT_THAT(ErrorOf(TableOf(BlockOf(std::string(1, '\0') + Varint(~uint64_t{0}) + '\0'))),
              HasSubstr("not fit"));
  const std::string long_key(5000, 'k');
  EXPECT_THAT(ErrorOf(TableOf(TableBlock({{"", BundleHeader()}, {long_key, ""}}))),
              HasSubstr("a key of 5000 bytes, expected at most 4096"));
  const std::string entry = Serialized(TwoFloats());
  EXPECT_THAT(ErrorOf(TableOf(TableBlock({{"", BundleHeader()}, {"b", entry}, {"a", entry}}))),
              HasSubstr("the keys are not in order at \"a\""));
}

TEST(TfBundleTest, RefusesBlocksThatOverlapOrLieElsewhere) {
  const std::string block = TableBlock({{"", BundleHeader()}, {"w", Serialized(TwoFloats())}});
  const std::string first = TableBlockWithTrailer(block);
  const auto table = [&](const TableEntries& index) {
    const std::string listed = TableBlock(index);
    return first + TableBlockWithTrailer(listed) +
           TableFooter(BlockPlace(0, 0), BlockPlace(first.size(), listed.size()));
  };
  const std::string place = BlockPlace(0, block.size());
  EXPECT_THAT(ErrorOf(table({{"x", place}, {"y", place}})), HasSubstr("blocks overlap at byte 0"));
  EXPECT_THAT(ErrorOf(table({{"x", "\xff"}})), HasSubstr("an entry that is no place of a block"));
  EXPECT_THAT(ErrorOf(table({{"x", BlockPlace(3, block.size())}})), HasSubstr("CRC32C"));
}

TEST(TfBundleTest, RefusesNamesThatMakeMuchOfLittle) {
  // Each name but the first is two bytes in the file, and 4002 in memory.
  const std::string header = BundleHeader(), value = Serialized(TwoFloats());
  std::string block = std::string(2, '\0') + Varint(header.size()) + header + '\0' + Varint(4000) +
                      Varint(value.size()) + std::string(4000, 'k') + value;
  for (char c = 'a'; c <= 'z'; ++c) {
    for (char d = 'a'; d <= 'z'; ++d) {
      block += Varint(4000) + Varint(2) + Varint(value.size()) + c + d + value;
    }
  }
  EXPECT_THAT(ErrorOf(TableOf(BlockOf(block))), HasSubstr("the names are too long for"));
}

TEST(TfBundleTest, RefusesHeadersThatAreNone) {
  const std::string entry = Serialized(TwoFloats());
  EXPECT_THAT(ErrorOf(SortedTable({{"w", entry}})), HasSubstr("does not begin with the header"));
  EXPECT_THAT(ErrorOf(IndexOf({}, BundleHeader(0))), HasSubstr("header: num_shards: 0, expected"));
  EXPECT_THAT(ErrorOf(IndexOf({}, BundleHeader(uint64_t{1} << 40))), HasSubstr("num_shards: 1099"));
  EXPECT_THAT(ErrorOf(IndexOf({}, BundleHeader() + ProtoVarint(2, 1))), HasSubstr("big-endian"));
  EXPECT_THAT(ErrorOf(IndexOf({}, BundleHeader() + ProtoBytes(3, ProtoVarint(2, 2)))),
              HasSubstr("wants a reader of version 2"));
  EXPECT_THAT(ErrorOf(IndexOf({}, "\x08")), HasSubstr("header: field 1 is cut off"));
  EXPECT_THAT(ErrorOf(IndexOf({}, "\xff")), HasSubstr("header: a message is cut off"));
  EXPECT_THAT(ErrorOf(IndexOf({}, "\x0b")), HasSubstr("field 1 has wire type 3"));
  EXPECT_THAT(ErrorOf(IndexOf({}, "\x1a\x7f")), HasSubstr("field 3 is cut off"));
}

TEST(TfBundleTest, RefusesEntriesThatDoNotFitTheirData) {
  BundleEntry entry = TwoFloats();
  entry.shape = {3};
  EXPECT_THAT(EntryError(entry), HasSubstr("8 bytes, but F32 [3] needs 12"));
  entry.shape = {uint64_t{1} << 32, uint64_t{1} << 32};
  EXPECT_THAT(EntryError(entry), HasSubstr("is too large"));
  entry.shape = {~uint64_t{0}};
  EXPECT_THAT(EntryError(entry), HasSubstr("shape: -1 is no extent"));
  entry = TwoFloats();
  entry.offset = 4;
  EXPECT_THAT(EntryError(entry), HasSubstr("8 bytes at byte 4 lie outside the 8 bytes"));
  entry.offset = ~uint64_t{0} - 3;
  EXPECT_THAT(EntryError(entry), HasSubstr("lie outside the 8 bytes"));
  entry = TwoFloats();
  entry.shape = {uint64_t{1} << 50};
  entry.size = uint64_t{1} << 52;
  EXPECT_THAT(EntryError(entry), HasSubstr("lie outside the 8 bytes"));
  entry = TwoFloats();
  entry.shard = 1;
  EXPECT_THAT(EntryError(entry), HasSubstr("shard_id: 1, but there are 1 data files"));
  entry = TwoFloats();
  entry.more = ProtoBytes(7, "") + ProtoBytes(7, "");
  EXPECT_THAT(EntryError(entry), HasSubstr("saved in 2 slices"));
  entry = TwoFloats();
  entry.more = ProtoBytes(2, ProtoVarint(3, 1));
  EXPECT_THAT(EntryError(entry), HasSubstr("shape: of unknown rank"));
  entry.more = ProtoBytes(2, "\x12\x40");
  EXPECT_THAT(EntryError(entry), HasSubstr("field 2 is cut off"));
  entry = TwoFloats();
  ++entry.masked_crc;
  EXPECT_THAT(EntryError(entry), HasSubstr("do not have their CRC32C"));
  std::string changed(kTwo);
  changed[5] = 1;
  EXPECT_THAT(EntryError(TwoFloats(), changed), HasSubstr("do not have their CRC32C"));
  EXPECT_THAT(EntryError(TwoFloats(), kTwo.substr(0, 7)), HasSubstr("outside the 7 bytes"));
}

TEST(TfBundleTest, NamesTheDataFileThatIsMissing) {
  const TemporaryFolder folder;
  folder.Write("m.ckpt.index", IndexOf({{"w", Serialized(TwoFloats())}}, BundleHeader(12)));
  EXPECT_THAT(std::string(base::Message(Checkpoint::Open(folder.path()).status())),
              HasSubstr("m.ckpt.data-00000-of-00012"));
}

TEST(TfBundleTest, AFolderOfSeveralCheckpointsIsAskedForOne) {
  const TemporaryFolder folder;
  const std::string index = IndexOf({{"w", Serialized(TwoFloats())}});
  folder.Write("model.ckpt-1.index", index);
  folder.Write("model.ckpt-2.index", index);
  EXPECT_THAT(std::string(base::Message(Checkpoint::Open(folder.path()).status())),
              HasSubstr("more than one checkpoint, model.ckpt-1.index and model.ckpt-2.index"));
}

TEST(TfBundleTest, VariablesThatTransformersGivesOneNameAreAnError) {
  const std::string entry = Serialized(TwoFloats());
  EXPECT_THAT(ErrorOf(IndexOf({{"a/layer.0/b", entry}, {"a/layer_0/b", entry}})),
              HasSubstr("tensor a/layer_0/b is also in"));
}

}  // namespace
}  // namespace gannet::encoder
