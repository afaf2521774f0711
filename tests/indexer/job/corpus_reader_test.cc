#include "indexer/job/corpus_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/status.h"
#include "tests/testing/compress.h"
#include "tests/testing/shared_data.h"

namespace gannet::indexer {
namespace {

using base::Compression;
using ::testing::AllOf;
using testing::Compress;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

// All of a corpus: documents, and "PLACE: problem" of what is none.
struct Corpus {
  std::vector<Document> documents;
  std::vector<std::string> places;
  std::vector<std::string> problems;
  absl::Status end;

  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const Document& document : documents) ids.push_back(document.id);
    return ids;
  }
};

Corpus Read(const CorpusOptions& options) {
  Corpus corpus;
  absl::StatusOr<CorpusReader> reader = CorpusReader::Open(options);
  corpus.end = reader.status();
  while (corpus.end.ok()) {
    absl::StatusOr<std::optional<Document>> document = reader->Next();
    if (absl::IsInvalidArgument(document.status())) {
      corpus.problems.emplace_back(base::Message(document.status()));
    } else if (!document.ok()) {
      corpus.end = document.status();
    } else if (!document->has_value()) {
      break;
    } else {
      corpus.places.push_back(reader->place());
      corpus.documents.push_back(**std::move(document));
    }
  }
  return corpus;
}

class CorpusReaderTest : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
};

TEST_F(CorpusReaderTest, ReadsBeirLinesAndKeepsMetadata) {
  const auto path = folder_.Write(
      "corpus.jsonl",
      "\xEF\xBB\xBF{\"_id\":\"0012\",\"title\":\"T\",\"text\":\"caf\\u00e9 \\ud83d\\ude00\","
      "\"year\":1999,\"metadata\":{\"a\":[1]}}\r\n"
      "\n"
      "{\"_id\":\"b\",\"title\":null}");
  const Corpus corpus = Read({.inputs = {path}});
  ASSERT_OK(corpus.end);
  EXPECT_THAT(corpus.documents, ElementsAre(Document{"0012", "T", "caf\u00e9 \U0001F600",
                                                     R"({"metadata":{"a":[1]},"year":1999})"},
                                            Document{"b", "", "", "{}"}));
  EXPECT_THAT(corpus.places, ElementsAre(path.string() + ":1", path.string() + ":3"));
}

TEST_F(CorpusReaderTest, ReadsTsvOfTwoAndThreeColumnsAndWithAHeader) {
  const auto two = folder_.Write("two.tsv", "1\tthe sea\n2\ta \"bird\"\r\n3\t\n");
  EXPECT_THAT(Read({.inputs = {two}}).documents,
              ElementsAre(Document{"1", "", "the sea", "{}"}, Document{"2", "", "a \"bird\"", "{}"},
                          Document{"3", "", "", "{}"}));
  const auto three = folder_.Write("three.tsv", "1\tSea\tthe sea\n");
  EXPECT_THAT(Read({.inputs = {three}}).documents,
              ElementsAre(Document{"1", "Sea", "the sea", "{}"}));
  const auto header =
      folder_.Write("header.tsv", "lang\tpassage\tpid\ttitle\nen\tthe sea\t7\tSea\n");
  EXPECT_THAT(Read({.inputs = {header}, .tsv_header = TsvHeader::kFirstRow}).documents,
              ElementsAre(Document{"7", "Sea", "the sea", R"({"lang":"en"})"}));
}

TEST_F(CorpusReaderTest, BadRowsAreNamedAndPassedOver) {
  const auto path = folder_.Write("c.tsv", "1\ta\n2\n3\tb\tc\n\tx\n4\td\n");
  const Corpus corpus = Read({.inputs = {path}});
  EXPECT_THAT(corpus.ids(), ElementsAre("1", "4"));
  EXPECT_THAT(corpus.problems, ElementsAre(path.string() + ":2: 1 columns, expected 2",
                                           path.string() + ":3: 3 columns, expected 2",
                                           path.string() + ":4: column id: empty"));
  for (const auto& [header, expected] :
       {std::pair<std::string, std::string>{"id\tid\ttext", "column \"id\" a second time"},
        {"id\ttitle", "no column text, only id, title"},
        {"id\t\ttext", "column \"\" by nothing"}}) {
    const auto file = folder_.Write("h.tsv", header + "\n1\t2\t3\n");
    const absl::Status status = Read({.inputs = {file}, .tsv_header = TsvHeader::kFirstRow}).end;
    EXPECT_THAT(std::string(base::Message(status)),
                AllOf(HasSubstr(file.string() + ":1: "), HasSubstr(expected)));
  }
}

TEST_F(CorpusReaderTest, ReadsTheRowsOfALocoTaskThatHaveAPassage) {
  const auto path = folder_.Write("documents.jsonl",
                                  "{\"pid\":\"p1\",\"passage\":\"one\",\"dataset\":\"qmsum\"}\n"
                                  "{\"pid\":\"p2\",\"passage\":\"two\",\"dataset\":\"other\"}\n"
                                  "{\"pid\":\"p3\",\"passage\":null,\"dataset\":\"qmsum\"}\n"
                                  "{\"passage\":\"four\",\"dataset\":\"qmsum\"}\n");
  ASSERT_OK_AND_ASSIGN(
      CorpusReader reader,
      CorpusReader::Open({.inputs = {path}, .format = CorpusFormat::kLoco, .loco_task = "qmsum"}));
  ASSERT_OK_AND_ASSIGN(const auto first, reader.Next());
  EXPECT_EQ(*first, (Document{"p1", "", "one", R"({"dataset":"qmsum"})"}));
  EXPECT_THAT(std::string(base::Message(reader.Next().status())),
              HasSubstr("documents.jsonl:4: field pid: missing or empty"));
  ASSERT_OK_AND_ASSIGN(const auto end, reader.Next());
  EXPECT_FALSE(end.has_value());
}

TEST_F(CorpusReaderTest, ReadsRowsOfParquetAsLinesOfJson) {
  const auto lines = testing::TestData("parquet/rows.jsonl");
  const auto rows = testing::TestData("parquet/rows.snappy.parquet");
  const Corpus expected = Read({.inputs = {lines}});
  ASSERT_OK(expected.end);
  const Corpus corpus = Read({.inputs = {rows}});
  ASSERT_OK(corpus.end);
  EXPECT_EQ(corpus.documents, expected.documents);
  ASSERT_EQ(corpus.places.size(), 24);
  EXPECT_EQ(corpus.places.front(), rows.string() + ":1");
  EXPECT_EQ(corpus.places.back(), rows.string() + ":24");

  // Told by its beginning where the name says nothing, and read beside other files of rows.
  std::filesystem::copy(rows, folder_.path() / "first");
  folder_.Write("second.jsonl", "{\"_id\":\"last\"}\n");
  const Corpus folder = Read({.inputs = {folder_.path()}});
  ASSERT_OK(folder.end);
  ASSERT_EQ(folder.documents.size(), 25);
  EXPECT_EQ(folder.documents.back().id, "last");

  ASSERT_OK_AND_ASSIGN(CorpusReader reader, CorpusReader::Open({.inputs = {rows}}));
  for (int i = 0; i < 25; ++i) ASSERT_OK(reader.Next().status());
  EXPECT_EQ(reader.bytes_read(), std::filesystem::file_size(rows));
  EXPECT_EQ(reader.bytes_total(), reader.bytes_read());
  EXPECT_EQ(reader.format(), CorpusFormat::kJsonl);
}

TEST_F(CorpusReaderTest, ReadsTheRowsOfALocoTaskFromParquet) {
  const auto rows = testing::TestData("parquet/loco/documents.parquet");
  const Corpus corpus =
      Read({.inputs = {rows}, .format = CorpusFormat::kLoco, .loco_task = "qasper_title"});
  ASSERT_OK(corpus.end);
  EXPECT_THAT(corpus.documents, ElementsAre(Document{"P1", "", "We propose a model.",
                                                     R"({"dataset":"qasper_title"})"}));
  EXPECT_THAT(corpus.places, ElementsAre(rows.string() + ":4"));
  // As the collection's own records they have no id.
  EXPECT_THAT(Read({.inputs = {rows}}).problems,
              ::testing::Contains(rows.string() + ":1: field _id: missing or empty"));
}

TEST_F(CorpusReaderTest, ParquetThatCannotBeReadIsNamed) {
  const auto rows = testing::TestData("parquet/rows.snappy.parquet");
  ASSERT_OK_AND_ASSIGN(const std::string bytes, base::ReadFile(rows));
  const auto error_of = [&](const std::string& name, const std::string& content) {
    const absl::Status status = Read({.inputs = {folder_.Write(name, content)}}).end;
    EXPECT_FALSE(status.ok()) << name;
    return status.ToString();
  };
  EXPECT_THAT(error_of("empty.parquet", ""),
              HasSubstr("empty.parquet: no Parquet file: it does not begin with \"PAR1\""));
  EXPECT_THAT(error_of("cut", bytes.substr(0, 500)), HasSubstr("cut: Parquet cut short"));
  EXPECT_THAT(error_of("a.parquet.gz", Compress(Compression::kGzip, bytes)),
              HasSubstr("a.parquet.gz: Parquet is read from files, and not from files compressed"));
  EXPECT_THAT(Read({.inputs = {testing::TestData("parquet/unread.brotli.parquet")}}).end.ToString(),
              AllOf(HasSubstr("unread.brotli.parquet: row group 1: column dataset: "),
                    HasSubstr("BROTLI")));
  // A row over the limit is a bad record, as a line is.
  const Corpus limited = Read({.inputs = {rows}, .max_record_bytes = 150});
  ASSERT_OK(limited.end);
  EXPECT_THAT(limited.problems, ::testing::Contains(rows.string() + ":3: longer than 150 B"));
  EXPECT_EQ(limited.problems.size() + limited.documents.size(), 24);
}

TEST_F(CorpusReaderTest, ReadsTrecText) {
  const auto path = folder_.Write(
      "FT911_1",
      "<DOC>\n<DOCNO>FT911-1 </DOCNO>\n<PROFILE>_AN-1</PROFILE>\n<HEADLINE>\nA sea &amp; a bird\n"
      "</HEADLINE>\n<TEXT>\n<P>First <b>part</b>.</P>\n</TEXT>\n<TEXT>Second: 1 < 2</TEXT>\n"
      "</DOC>\n\n"
      "<doc><docno>2</docno><title>T</title><author>one</author><author>two</author>"
      "<text>caf&#233;</text></doc><DOC>\n<DOCNO>3</DOCNO><TEXT></TEXT></DOC>\n");
  const Corpus corpus = Read({.inputs = {path}});
  ASSERT_OK(corpus.end);
  EXPECT_THAT(corpus.documents,
              ElementsAre(Document{"FT911-1", "A sea & a bird", "First part .\nSecond: 1 < 2",
                                   R"({"profile":"_AN-1"})"},
                          Document{"2", "T", "caf\u00e9", R"({"author":["one","two"]})"},
                          Document{"3", "", "", "{}"}));
  EXPECT_THAT(corpus.places,
              ElementsAre(path.string() + ":1", path.string() + ":13", path.string() + ":13"));
}

TEST_F(CorpusReaderTest, ReadsTrecWebPages) {
  const auto path = folder_.Write(
      "B01.gz",
      Compress(Compression::kGzip,
               "<DOC>\n<DOCNO>WTX-1</DOCNO>\n<DOCHDR>\nhttp://x/ 1997\n</DOCHDR>\n<!doctype html>\n"
               "<HTML><HEAD><TITLE>The Sea</TITLE><script>if (a<b) x();</script></HEAD>\n"
               "<BODY><!-- <p>not</p> -->A<br>bird<p>flies</BODY></HTML>\n</DOC>\n"));
  const Corpus corpus = Read({.inputs = {path}});
  ASSERT_OK(corpus.end);
  ASSERT_EQ(corpus.documents.size(), 1u);
  EXPECT_EQ(corpus.documents[0].id, "WTX-1");
  EXPECT_EQ(corpus.documents[0].title, "The Sea");
  EXPECT_THAT(corpus.documents[0].text, AllOf(HasSubstr("A bird flies"), HasSubstr("The Sea")));
  EXPECT_THAT(
      corpus.documents[0].text,
      ::testing::Not(::testing::AnyOf(HasSubstr("not"), HasSubstr("x()"), HasSubstr("1997"))));
  EXPECT_EQ(corpus.documents[0].metadata_json, R"({"dochdr":"http://x/ 1997"})");
}

TEST_F(CorpusReaderTest, BadTrecElementsAreNamedAndPassedOver) {
  const auto path =
      folder_.Write("a.trec",
                    "<?xml version=\"1.0\"?>\n<root>\n<DOC><DOCNO>1</DOCNO></DOC>\n"
                    "stray\nmore\n<DOC><TEXT>x</TEXT></DOC>\n<DOC>\n<DOCNO>2</DOCNO>\n"
                    "</DOC>\n</root>\n<DOC>\n<DOCNO>3</DOCNO>\n");
  const Corpus corpus = Read({.inputs = {path}});
  ASSERT_OK(corpus.end);
  EXPECT_THAT(corpus.ids(), ElementsAre("1", "2"));
  EXPECT_THAT(corpus.problems,
              ElementsAre(path.string() + ":4: text outside of <DOC>",
                          path.string() + ":6: <DOCNO>: missing or empty",
                          path.string() + ":11: <DOC> without </DOC> before the end of the file"));
}

TEST_F(CorpusReaderTest, ReadsAFolderOfTextsByPath) {
  folder_.Write("c/b.txt", "second");
  folder_.Write("c/a/z.txt", "first\nline\n");
  folder_.Write("c/a.txt", "\xEF\xBB\xBFthird");
  folder_.Write("c/.hidden", "no");
  folder_.Write("c/.git/x.txt", "no");
  const Corpus corpus = Read({.inputs = {folder_.path() / "c"}});
  ASSERT_OK(corpus.end);
  EXPECT_THAT(corpus.documents, ElementsAre(Document{"a/z.txt", "", "first\nline\n", "{}"},
                                            Document{"a.txt", "", "third", "{}"},
                                            Document{"b.txt", "", "second", "{}"}));
  EXPECT_EQ(corpus.places[2], (folder_.path() / "c/b.txt").string());
  folder_.Write("c/c.txt", std::string("a\0b", 3));
  EXPECT_THAT(Read({.inputs = {folder_.path() / "c"}}).problems,
              ElementsAre(HasSubstr("c.txt: holds zero bytes")));
}

TEST_F(CorpusReaderTest, ReadsAFolderOfFilesAndSeveralInputsAsOne) {
  folder_.Write("c/part-1.jsonl.xz", Compress(Compression::kXz, "{\"_id\":\"b\"}\n"));
  folder_.Write("c/part-0.jsonl.zst", Compress(Compression::kZstd, "{\"_id\":\"a\"}\n"));
  folder_.Write("c/sub/part-2.jsonl", "{\"_id\":\"c\"}");
  const auto first = folder_.Write("first.json", "{\"_id\":\"0\"}");
  ASSERT_OK_AND_ASSIGN(CorpusReader reader,
                       CorpusReader::Open({.inputs = {first, folder_.path() / "c"}}));
  EXPECT_GT(reader.bytes_total(), 0u);
  std::vector<std::string> ids;
  for (;;) {
    ASSERT_OK_AND_ASSIGN(const auto document, reader.Next());
    if (!document) break;
    ids.push_back(document->id);
  }
  EXPECT_THAT(ids, ElementsAre("0", "a", "b", "c"));
  EXPECT_EQ(reader.bytes_read(), reader.bytes_total());
}

TEST_F(CorpusReaderTest, TellsTheFormatByNameOrContentAndRefusesAMixture) {
  const auto format_of = [&](const std::string& name, const std::string& content) {
    const auto reader = CorpusReader::Open({.inputs = {folder_.Write(name, content)}});
    return reader.ok() ? std::string(CorpusFormatName(reader->format()))
                       : std::string(base::Message(reader.status()));
  };
  EXPECT_EQ(format_of("corpus", " \n{\"_id\":\"a\"}"), "jsonl");
  EXPECT_EQ(format_of("corpus.txt", "{\"_id\":\"a\"}"), "jsonl");
  EXPECT_EQ(format_of("collection", "1\ttext\n"), "tsv");
  EXPECT_EQ(format_of("collection.TSV.gz", "1\ttext\n"), "tsv");
  EXPECT_EQ(format_of("AP880212", "<DOC>\n<DOCNO>1</DOCNO></DOC>"), "trec");
  EXPECT_EQ(format_of("notes.md", "no tab"), "text");
  EXPECT_THAT(format_of("data", "no tab"),
              AllOf(HasSubstr("data: neither name nor content tells the format"),
                    HasSubstr("jsonl, tsv, trec, loco, text")));

  folder_.Write("c/a.jsonl", "{\"_id\":\"a\"}\n");
  folder_.Write("c/b.tsv", "b\ttext\n");
  const Corpus mixed = Read({.inputs = {folder_.path() / "c"}});
  EXPECT_EQ(mixed.end.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::Message(mixed.end)),
              AllOf(HasSubstr("b.tsv: looks like tsv"), HasSubstr("a.jsonl like jsonl")));
  EXPECT_THAT(Read({.inputs = {folder_.path() / "c"}, .format = CorpusFormat::kText}).ids(),
              ElementsAre("a.jsonl", "b.tsv"));
}

TEST_F(CorpusReaderTest, InputsThatAreNotThereAreNamed) {
  const absl::Status missing = Read({.inputs = {"/nonexistent/corpus.jsonl"}}).end;
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(base::Message(missing)), HasSubstr("/nonexistent/corpus.jsonl"));
  std::filesystem::create_directory(folder_.path() / "empty");
  EXPECT_THAT(std::string(base::Message(Read({.inputs = {folder_.path() / "empty"}}).end)),
              HasSubstr("empty: a folder without files"));
  EXPECT_FALSE(Read({.inputs = {}}).end.ok());
  EXPECT_FALSE(ParseCorpusFormat("parquet").ok());
}

TEST_F(CorpusReaderTest, DamagedCompressionEndsTheCorpusAndIsNamed) {
  std::string corpus;
  for (int i = 0; i < 100'000; ++i) corpus += "{\"_id\":\"" + std::to_string(i) + "\"}\n";
  const std::string compressed = Compress(Compression::kGzip, corpus);
  const auto path =
      folder_.Write("c.jsonl.gz", std::string_view(compressed).substr(0, compressed.size() / 2));
  const Corpus read = Read({.inputs = {path}});
  EXPECT_EQ(read.end.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(base::Message(read.end)),
              AllOf(HasSubstr(path.string()), HasSubstr("gzip data cut short")));
  EXPECT_GT(read.documents.size(), 1'000u);
}

// A small file that decompresses to one huge line must not become that much memory.
TEST_F(CorpusReaderTest, ALineOverTheLimitIsABadRecordInBoundedMemory) {
  std::string corpus = "{\"_id\":\"a\"}\n{\"_id\":\"" + std::string(300 << 20, 'x') + "\"}\n";
  corpus += "{\"_id\":\"b\"}\n" + std::string(5 << 20, 'y');
  const auto path = folder_.Write("c.jsonl.zst", Compress(Compression::kZstd, corpus));
  EXPECT_LT(std::filesystem::file_size(path), 1u << 20);
  corpus = std::string();
  const Corpus read = Read({.inputs = {path}, .max_record_bytes = 1 << 20});
  ASSERT_OK(read.end);
  EXPECT_THAT(read.ids(), ElementsAre("a", "b"));
  EXPECT_THAT(read.problems, ElementsAre(path.string() + ":2: longer than 1.00 MiB",
                                         path.string() + ":4: longer than 1.00 MiB"));

  std::string element = "<DOC><DOCNO>1</DOCNO>\n";
  for (int i = 0; i < 300'000; ++i) element += "a line of text\n";
  const auto trec = folder_.Write("big.trec", element + "</DOC><DOC><DOCNO>2</DOCNO></DOC>");
  const Corpus elements = Read({.inputs = {trec}, .max_record_bytes = 1 << 20});
  EXPECT_THAT(elements.ids(), ElementsAre("2"));
  EXPECT_THAT(elements.problems, ElementsAre(trec.string() + ":1: <DOC>: longer than 1.00 MiB"));

  const auto text = folder_.Write("big.txt", std::string(3 << 20, 'z'));
  EXPECT_THAT(Read({.inputs = {text}, .max_record_bytes = 1 << 20}).problems,
              ElementsAre(text.string() + ": longer than 1.00 MiB"));
}

TEST_F(CorpusReaderTest, MetadataThatNoCollectionTakesIsABadRecord) {
  std::string deep = "0";
  for (int i = 0; i < 100; ++i) deep = "[" + deep + "]";
  std::string many = "0";
  for (int i = 1; i < 70'000; ++i) many += "," + std::to_string(i);
  const auto path = folder_.Write(
      "c.jsonl", "{\"_id\":\"a\",\"x\":" + deep + "}\n{\"_id\":\"b\",\"tags\":[" + many + "]}\n");
  EXPECT_THAT(Read({.inputs = {path}}).problems,
              ElementsAre(path.string() + ":1: JSON nested more than 32 levels deep",
                          HasSubstr(":2: metadata: field tags: the document has more than")));
}

TEST(EmbeddedTextTest, TitleAndTextAreJoinedAsBeirDoes) {
  EXPECT_EQ(EmbeddedText({"i", "Title", "text", "{}"}), "Title text");
  EXPECT_EQ(EmbeddedText({"i", "", "text\n", "{}"}), "text");
  EXPECT_EQ(EmbeddedText({"i", "Title", "", "{}"}), "Title");
  EXPECT_EQ(EmbeddedText({"i", "", "", "{}"}), "");
}

TEST(EmbeddedTextTest, ItsBytesAreFoundInTheText) {
  for (const auto& [title, text] :
       std::vector<std::pair<std::string, std::string>>{{"Title", "the text"},
                                                        {" Title", "  the text "},
                                                        {"", " \n the text"},
                                                        {"  ", "text"}}) {
    const Document document{"i", title, text, "{}"};
    const std::string embedded = EmbeddedText(document);
    const size_t at = embedded.find("text");
    EXPECT_EQ(TextByte(document, at), text.find("text")) << embedded;
    EXPECT_EQ(TextByte(document, at + 4), text.find("text") + 4);
    EXPECT_EQ(TextByte(document, 1000), text.size());
  }
  EXPECT_EQ(TextByte({"i", "Title", "text", "{}"}, 0), 0u);
  EXPECT_EQ(TextByte({"i", "Title", "text", "{}"}, 5), 0u);
  EXPECT_EQ(TextByte({"i", "Title", "", "{}"}, 5), 0u);
}

}  // namespace
}  // namespace gannet::indexer
