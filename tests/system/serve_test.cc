// The real binary, a real socket, real signals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/thread_pool.h"
#include "encoder/embed/embedder.h"
#include "gannet/v1/gannet.pb.h"
#include "indexer/collection.h"
#include "ranker/searcher.h"
#include "service/client.h"
#include "tests/system/process.h"
#include "tests/testing/shared_data.h"

namespace gannet {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kModel = testing::TestData("tiny_bert").string();
constexpr char kReady[] = "listening on ";

class ServeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto model = encoder::Embedder::Open(kModel);
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
    auto collection = indexer::Collection::OpenOrCreate(collection_folder_,
                                                        indexer::CollectionSchema::Of(*model_));
    ASSERT_TRUE(collection.ok()) << collection.status();
    const std::vector<indexer::Document> documents = {
        {.id = "d1", .title = "Cats", .text = "a cat sat on the mat", .metadata_json = "{}"},
        {.id = "d2", .title = "Dogs", .text = "the dog ate my homework", .metadata_json = "{}"},
        {.id = "d3", .title = "Tea", .text = "tea with milk", .metadata_json = R"({"cups":2})"},
    };
    std::vector<std::string_view> texts;
    for (const indexer::Document& document : documents) texts.push_back(document.text);
    const auto vectors = model_->Embed(texts, encoder::TextRole::kDocument, pool_);
    ASSERT_TRUE(vectors.ok()) << vectors.status();
    std::vector<indexer::EmbeddedDocument> embedded;
    for (size_t i = 0; i < documents.size(); ++i) {
      embedded.push_back({.document = documents[i],
                          .passages = {{.bytes = texts[i].size()}},
                          .vectors = {(*vectors)[i].begin(), (*vectors)[i].end()}});
    }
    ASSERT_OK((*collection)->Put(embedded));
  }

  std::vector<std::string> Serve(const std::string& listen) const {
    return {"serve", "--collection", "tiny=" + collection_folder_.string(), "--listen", listen};
  }

  // The address in the line that says the server is ready: "listening on ADDRESS: ...".
  static service::Address AddressOf(const std::string& ready_line) {
    const size_t begin = std::string_view(kReady).size();
    const auto address = service::ParseAddress(
        std::string_view(ready_line).substr(begin, ready_line.find(": ") - begin));
    EXPECT_TRUE(address.ok()) << address.status() << " in \"" << ready_line << '"';
    return address.value_or(service::Address());
  }

  testing::TemporaryFolder folder_;
  const std::filesystem::path collection_folder_ = folder_.path() / "collection";
  base::ThreadPool pool_{1};
  std::unique_ptr<const encoder::Embedder> model_;
};

TEST_F(ServeTest, AnswersAsTheSearcherDoesAndEndsWellOnSigterm) {
  testing::Process server(Serve("127.0.0.1:0"));
  const std::string ready = server.ReadLine();
  ASSERT_THAT(ready, AllOf(StartsWith(kReady), EndsWith(": tiny (3 documents)")))
      << server.ErrorOutput();

  v1::SearchRequest request;
  request.set_collection("tiny");
  request.set_query("tea with a cat");
  request.set_view(v1::DOCUMENT_VIEW_FULL);
  // A client that goes at once: an idle one answers the server's goodbye only every five seconds.
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse response,
                       service::Client({.server = AddressOf(ready)}).Search(request));

  // The server reads the collection; so may we beside it.
  ASSERT_OK_AND_ASSIGN(const auto collection, indexer::Collection::Open(collection_folder_));
  ASSERT_OK_AND_ASSIGN(const auto searcher, ranker::Searcher::Make(*model_, *collection));
  const std::array<std::string_view, 1> queries = {request.query()};
  ASSERT_OK_AND_ASSIGN(const auto expected, searcher.Search(queries, 10, pool_));
  ASSERT_EQ(response.hits_size(), 3);
  for (int i = 0; i < 3; ++i) {
    const ranker::Hit& hit = expected[0].hits[i];
    ASSERT_OK_AND_ASSIGN(const indexer::Document document, collection->Get(hit.key));
    EXPECT_EQ(response.hits(i).id(), hit.id);
    EXPECT_EQ(response.hits(i).score(), hit.score);
    EXPECT_EQ(response.hits(i).title(), document.title);
    EXPECT_EQ(response.hits(i).text(), document.text);
    EXPECT_EQ(response.hits(i).metadata_json(), document.metadata_json);
  }
  EXPECT_EQ(response.model().fingerprint(), model_->fingerprint());
  EXPECT_EQ(response.query_tokens().total(), expected[0].query_tokens.total);

  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0) << server.ErrorOutput();
  EXPECT_THAT(server.ErrorOutput(), AllOf(HasSubstr("SIGTERM"), HasSubstr("stopped")));
}

TEST_F(ServeTest, EndsWellOnSigint) {
  testing::Process server(Serve("127.0.0.1:0"));
  ASSERT_THAT(server.ReadLine(), StartsWith(kReady)) << server.ErrorOutput();
  server.Signal(SIGINT);
  EXPECT_EQ(server.Wait(), 0) << server.ErrorOutput();
}

TEST_F(ServeTest, PortInUseEndsTheSecondServerWithTheAddress) {
  testing::Process first(Serve("127.0.0.1:0"));
  const std::string address = service::FormatAddress(AddressOf(first.ReadLine()));
  testing::Process second(Serve(address));
  EXPECT_EQ(second.ReadLine(), "");
  EXPECT_GT(second.Wait(), 0);
  EXPECT_THAT(second.ErrorOutput(),
              AllOf(HasSubstr("cannot listen on " + address), HasSubstr("Address already in use")));
}

TEST_F(ServeTest, SeveralCollectionsAreServedAtOnce) {
  std::vector<std::string> arguments = Serve("127.0.0.1:0");
  arguments.insert(arguments.end(), {"--collection", "again=" + collection_folder_.string()});
  testing::Process server(arguments);
  const std::string ready = server.ReadLine();
  EXPECT_THAT(ready, EndsWith(": again (3 documents), tiny (3 documents)")) << server.ErrorOutput();
  service::Client client({.server = AddressOf(ready)});
  ASSERT_OK_AND_ASSIGN(const v1::ListCollectionsResponse list, client.ListCollections());
  ASSERT_EQ(list.collections_size(), 2);
  EXPECT_EQ(list.collections(0).name(), "again");
  EXPECT_EQ(list.collections(1).name(), "tiny");
  EXPECT_EQ(list.collections(1).dimension(), model_->dimension());
}

TEST_F(ServeTest, MissingCollectionIsNamed) {
  const std::string missing = folder_.path() / "missing";
  testing::Process server({"serve", "--collection", "x=" + missing, "--listen", "127.0.0.1:0"});
  EXPECT_GT(server.Wait(), 0);
  EXPECT_THAT(server.ErrorOutput(), HasSubstr(missing));
}

}  // namespace
}  // namespace gannet
