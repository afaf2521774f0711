#include "encoder/checkpoint/torch_zip.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/status.h"
#include "encoder/checkpoint/checkpoint.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/torch_writer.h"

namespace gannet::encoder {
namespace {

using testing::FloatTensors;
using testing::Pickled;
using testing::PickledDict;
using testing::PickledNumber;
using testing::PickledString;
using testing::TemporaryFolder;
using testing::TensorPickle;
using testing::TorchContent;
using testing::ZipContent;
using testing::ZipForm;

std::string FloatBytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

// A file whose dictionary has these items, with storage 0 of six floats.
std::string FileOf(const std::vector<std::pair<std::string, std::string>>& items) {
  return ZipContent(
      {{"m/data.pkl", PickledDict(items)}, {"m/data/0", FloatBytes({0, 1, 2, 3, 4, 5})}});
}
TensorPickle Matrix() { return {.elements = 6, .shape = {2, 3}, .strides = {3, 1}}; }

TEST(TorchZipTest, ReadsPlainAndZip64Files) {
  const FloatTensors tensors = {{"a.weight", testing::RandomTensor({3, 4}, 1)},
                                {"b.bias", testing::RandomTensor({5}, 2)},
                                {"scalar", testing::RandomTensor({}, 3)}};
  for (const ZipForm form : {ZipForm::kPlain, ZipForm::kZip64}) {
    const TemporaryFolder folder;
    folder.Write("pytorch_model.bin", TorchContent(tensors, form));
    ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
    for (const auto& [name, tensor] : tensors) {
      ASSERT_OK_AND_ASSIGN(const auto values, checkpoint.Floats(name, tensor.shape));
      EXPECT_EQ(values, tensor.values) << name;
    }
    const absl::Status missing = checkpoint.Floats("c", {1}).status();
    EXPECT_NE(base::Message(missing).find("pytorch_model.bin: no tensor c"), std::string::npos);
  }
}

// What torch.save itself writes (PyTorch 2.15), in the older and the newer protocol.
TEST(TorchZipTest, ReadsWhatTorchWrites) {
  const std::filesystem::path folder =
      testing::TestData("../encoder/checkpoint/fuzz/corpus/torch_zip");
  ASSERT_OK_AND_ASSIGN(const TorchZipFile plain, TorchZipFile::Open(folder / "protocol2"));
  ASSERT_EQ(plain.tensors().size(), 4u);
  EXPECT_EQ(ToFloats(plain.tensors().at("a.weight")), (std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(ToFloats(plain.tensors().at("a.t")), (std::vector<float>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(ToFloats(plain.tensors().at("b")), (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(plain.tensors().at("i").dtype, DType::kI64);
  ASSERT_OK_AND_ASSIGN(const TorchZipFile wrapped, TorchZipFile::Open(folder / "protocol4"));
  ASSERT_EQ(wrapped.tensors().size(), 1u);
  EXPECT_EQ(wrapped.tensors().at("x").dtype, DType::kBF16);
  EXPECT_EQ(ToFloats(wrapped.tensors().at("x")), (std::vector<float>{0, 1, 2, 3, 4, 5}));
}

TEST(TorchZipTest, TensorsMayShareAStorageAndStepThroughIt) {
  TensorPickle transposed = Matrix(), row = Matrix(), repeated = Matrix(), odd_step = Matrix();
  transposed.shape = {3, 2};
  transposed.strides = {1, 3};
  row.offset = 3;
  row.shape = {3};
  row.strides = {1};
  repeated.shape = {4};
  repeated.strides = {0};
  odd_step.shape = {1, 6};
  odd_step.strides = {0, 1};  // expand() leaves such steps where nothing is stepped over.
  const TemporaryFolder folder;
  folder.Write("pytorch_model.bin", FileOf({{"whole", Pickled(Matrix())},
                                            {"transposed", Pickled(transposed)},
                                            {"row", Pickled(row)},
                                            {"repeated", Pickled(repeated)},
                                            {"odd_step", Pickled(odd_step)},
                                            {"step", PickledNumber(7)}}));
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
  const auto expect = [&](std::string_view name, const Shape& shape, std::vector<float> want) {
    const auto values = checkpoint.Floats(name, shape);
    ASSERT_TRUE(values.ok()) << values.status();
    EXPECT_EQ(*values, want) << name;
  };
  expect("whole", {2, 3}, {0, 1, 2, 3, 4, 5});
  expect("transposed", {3, 2}, {0, 3, 1, 4, 2, 5});
  expect("row", {3}, {3, 4, 5});
  expect("repeated", {4}, {0, 0, 0, 0});
  expect("odd_step", {1, 6}, {0, 1, 2, 3, 4, 5});
  EXPECT_FALSE(checkpoint.Has("step"));
}

TEST(TorchZipTest, WrappersAndPrefixesAreTakenOff) {
  const TemporaryFolder folder;
  const std::string inner = "}(" + PickledString("module.x") + Pickled(Matrix()) +
                            PickledString("module.y") + "ctorch._utils\n_rebuild_parameter\n(" +
                            Pickled(Matrix()) +
                            "\x88"
                            "ccollections\nOrderedDict\n)RtR" +
                            "u";
  const auto path = folder.Write("pytorch_model.bin",
                                 FileOf({{"epoch", PickledNumber(3)}, {"state_dict", inner}}));
  ASSERT_OK_AND_ASSIGN(const TorchZipFile file, TorchZipFile::Open(path));
  EXPECT_EQ(file.tensors().size(), 2u);
  EXPECT_TRUE(file.tensors().contains("x"));
  EXPECT_TRUE(file.tensors().contains("y"));
}

// Protocol 4: frames, short strings, memoised in order, globals from the stack.
TEST(TorchZipTest, ReadsTheNewerProtocol) {
  const auto text = [](std::string_view s) {
    return std::string("\x8c") + static_cast<char>(s.size()) + std::string(s) + "\x94";
  };
  std::string pickle = "\x80\x04\x95" + std::string(8, '\1') + "}\x94" + text("x");
  pickle += text("torch._utils") + text("_rebuild_tensor_v2") + "\x93\x94((" + text("storage");
  pickle += text("torch") + text("FloatStorage") + "\x93\x94" + text("0") + text("cpu") + "K\x06";
  pickle += std::string("t\x94QK\0K\x02K\x03\x86K\x03K\x01\x86\x89", 16) + "ccollections\n";
  pickle += "OrderedDict\n)RtR\x94s.";
  const TemporaryFolder folder;
  const auto path = folder.Write(
      "pytorch_model.bin",
      ZipContent({{"m/data.pkl", pickle}, {"m/data/0", FloatBytes({0, 1, 2, 3, 4, 5})}}));
  ASSERT_OK_AND_ASSIGN(const TorchZipFile file, TorchZipFile::Open(path));
  EXPECT_EQ(file.tensors().at("x").shape, (Shape{2, 3}));
}

TEST(TorchZipTest, ReadsShardsThroughTheIndexAndPrefersSafetensors) {
  const TemporaryFolder folder;
  folder.Write("pytorch_model.bin.index.json",
               R"({"weight_map":{"x":"pytorch_model-1.bin","y":"pytorch_model-2.bin"}})");
  folder.Write("pytorch_model-1.bin", TorchContent({{"x", testing::RandomTensor({2}, 1)}}));
  folder.Write("pytorch_model-2.bin", TorchContent({{"y", testing::RandomTensor({2}, 2)}}));
  {
    ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
    EXPECT_TRUE(checkpoint.Has("x"));
    EXPECT_TRUE(checkpoint.Has("y"));
  }
  folder.Write("pytorch_model-2.bin", TorchContent({{"x", testing::RandomTensor({2}, 2)}}));
  const absl::Status twice = Checkpoint::Open(folder.path()).status();
  EXPECT_NE(base::Message(twice).find("tensor x is also in"), std::string::npos) << twice;
  folder.Write("model.safetensors",
               testing::SafetensorsContent({{"z", testing::RandomTensor({2}, 2)}}));
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(folder.path()));
  EXPECT_TRUE(checkpoint.Has("z"));
  EXPECT_FALSE(checkpoint.Has("x"));
}

struct Malformed {
  std::string name;
  std::string content;
  std::string expected;  // Part of the message.
};

class MalformedTorchZip : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedTorchZip, IsRefusedWithTheFile) {
  const TemporaryFolder folder;
  const auto path = folder.Write("pytorch_model.bin", GetParam().content);
  const absl::Status status = TorchZipFile::Open(path).status();
  ASSERT_FALSE(status.ok());
  const std::string message(base::Message(status));
  EXPECT_NE(message.find(path.string()), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().expected), std::string::npos) << message;
}

// `content` with the bytes at the first place of `from` replaced.
std::string Patched(std::string content, std::string_view from, size_t skip, std::string_view to) {
  const size_t at = content.find(from);
  EXPECT_NE(at, std::string::npos);
  return content.replace(at + skip, to.size(), to);
}

std::string Sound() { return FileOf({{"x", Pickled(Matrix())}}); }
std::string WithTensor(const TensorPickle& tensor) { return FileOf({{"x", Pickled(tensor)}}); }
std::string WithPickle(const std::string& pickle) {
  return ZipContent({{"m/data.pkl", pickle}, {"m/data/0", FloatBytes({0, 1, 2, 3, 4, 5})}});
}
constexpr std::string_view kEntry("PK\1\2", 4), kLocal("PK\3\4", 4), kEnd("PK\5\6", 4);

INSTANTIATE_TEST_SUITE_P(
    Archives, MalformedTorchZip,
    ::testing::Values(
        Malformed{"Empty", "", "not a zip archive"}, Malformed{"Text", "weights", "not a zip"},
        Malformed{"Legacy",
                  std::string("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02", 17),
                  "before PyTorch 1.6"},
        Malformed{"Cut", Sound().substr(0, Sound().size() - 1), "not a zip archive"},
        Malformed{"DirectoryOutside", Patched(Sound(), kEnd, 16, "\xff\xff\xff\x7f"), "outside"},
        Malformed{"TooManyEntries", Patched(Sound(), kEnd, 10, "\x09"), "directory ends"},
        Malformed{"Compressed", Patched(Sound(), kEntry, 10, "\x08"), "compressed by method 8"},
        Malformed{"Encrypted", Patched(Sound(), kEntry, 8, "\x01"), "encrypted"},
        Malformed{"EntryOutside", Patched(Sound(), kEntry, 42, "\xff\xff\xff\x7f"),
                  "does not begin"},
        Malformed{"NoLocalHeader", Patched(Sound(), kLocal, 0, "XX"), "does not begin at byte 0"},
        Malformed{"EntryTooLong", Patched(Sound(), kEntry, 20, "\xff\xff\xff\x7f\xff\xff\xff\x7f"),
                  "reach beyond the file"},
        Malformed{"NoZip64Field", Patched(Sound(), kEntry, 20, "\xff\xff\xff\xff\xff\xff\xff\xff"),
                  "no zip64 field"},
        Malformed{"Zip64EndElsewhere",
                  Patched(TorchContent({}, ZipForm::kZip64), "PK\6\7", 8, "\xff\xff\xff\xff"),
                  "zip64 end"},
        Malformed{"NameBeyondTheDirectory", Patched(Sound(), kEntry, 28, "\xff\xff"),
                  "ends within an entry"},
        Malformed{"EntryTwice", ZipContent({{"m/data.pkl", "."}, {"m/data.pkl", "."}}), "twice"},
        Malformed{"NoPickle", ZipContent({{"m/weights", "abc"}}), "no data.pkl"},
        Malformed{"TwoPickles", ZipContent({{"a/data.pkl", "."}, {"b/data.pkl", "."}}),
                  "both a/data.pkl and b/data.pkl"},
        Malformed{"BigEndian",
                  ZipContent({{"m/data.pkl", PickledDict({})}, {"m/byteorder", "big"}}),
                  "\"big\"-endian"}),
    [](const auto& file) { return file.param.name; });

TensorPickle With(void (*change)(TensorPickle&)) {
  TensorPickle tensor = Matrix();
  change(tensor);
  return tensor;
}

INSTANTIATE_TEST_SUITE_P(
    Pickles, MalformedTorchZip,
    ::testing::Values(
        Malformed{"NoEnd", WithPickle("\x80\x02}"), "beyond its end"},
        Malformed{"Nothing", WithPickle("."), "nothing to take"},
        Malformed{"AList", WithPickle("]."), "not a dictionary"},
        Malformed{"RunsCode", WithPickle("cos\nsystem\nX\x04\0\0\0true\x85R."), "os.system"},
        Malformed{"RunsBuiltins", WithPickle("cbuiltins\neval\n)R."), "builtins.eval"},
        Malformed{"MakesObjects", WithPickle("}\x81."), "opcode 0x81"},
        Malformed{"OlderProtocol", WithPickle("I5\n."), "opcode 0x49"},
        Malformed{"CallsAString", WithPickle(PickledString("f") + ")R."), "no function"},
        Malformed{"StringTooLong", WithPickle("X\xff\xff\xff\xff."), "4294967295 bytes"},
        Malformed{"NameWithoutEnd", WithPickle("ctorch"), "without end"},
        Malformed{"UnknownMemo", WithPickle("h\x07."), "remembered as 7"},
        Malformed{"NoMark", WithPickle("}u."), "no mark"},
        Malformed{"KeyWithoutValue", WithPickle("}(K\1u."), "without a value"},
        Malformed{"LongNumber", WithPickle("\x8a\x09" + std::string(9, '\1') + "."),
                  "number of 9 bytes"},
        Malformed{"ManyValues", WithPickle(std::string((size_t{1} << 20) + 1, '}') + "."),
                  "more than 1048576 values"},
        Malformed{"NoStorage", WithTensor(With([](TensorPickle& p) { p.key = "9"; })),
                  "tensor x: no storage 9"},
        Malformed{"UnknownStorage",
                  WithTensor(With([](TensorPickle& p) { p.type = "QInt8Storage"; })),
                  "torch.QInt8Storage"},
        Malformed{"StorageIsNotAsLong", WithTensor(With([](TensorPickle& p) { p.elements = 7; })),
                  "storage 0 has 24 bytes, expected 7 F32"},
        Malformed{"ShapeBeyondTheStorage", WithTensor(With([](TensorPickle& p) {
                    p.shape = {3, 3};
                  })),
                  "beyond the 6"},
        Malformed{"OffsetBeyondTheStorage", WithTensor(With([](TensorPickle& p) { p.offset = 1; })),
                  "from element 1"},
        Malformed{"NegativeOffset", WithTensor(With([](TensorPickle& p) { p.offset = -1; })),
                  "without offset"},
        Malformed{"NegativeExtent", WithTensor(With([](TensorPickle& p) {
                    p.shape = {-2, 3};
                  })),
                  "no size"},
        Malformed{"NegativeStride", WithTensor(With([](TensorPickle& p) {
                    p.strides = {-3, 1};
                  })),
                  "no size"},
        Malformed{"StridesMissing", WithTensor(With([](TensorPickle& p) { p.strides = {1}; })),
                  "2 extents with 1 strides"},
        Malformed{"OverflowingShape", WithTensor(With([](TensorPickle& p) {
                    p.shape = {1LL << 40, 1LL << 40};
                    p.strides = {0, 0};
                  })),
                  "too large"},
        Malformed{"MuchOfLittle", WithTensor(With([](TensorPickle& p) {
                    p.shape = {1LL << 40};
                    p.strides = {0};
                  })),
                  "more than the file holds"},
        Malformed{"ManyExtents", WithTensor(With([](TensorPickle& p) {
                    p.shape = p.strides = std::vector<long long>(9, 1);
                  })),
                  "9 extents"},
        Malformed{"NameTwice", FileOf({{"x", Pickled(Matrix())}, {"x", Pickled(Matrix())}}),
                  "tensor x is there twice"}),
    [](const auto& file) { return file.param.name; });

}  // namespace
}  // namespace gannet::encoder
