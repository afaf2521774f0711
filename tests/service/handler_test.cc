#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/status.h"
#include "base/thread_pool.h"
#include "gannet/v1/gannet.pb.h"
#include "service/collection_handler.h"
#include "service/search_handler.h"
#include "tests/service/memory_collection.h"
#include "tests/testing/shared_data.h"

namespace gannet::service {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Property;

class HandlerTest : public ::testing::Test {
 protected:
  static v1::SearchRequest Request(std::string query) {
    v1::SearchRequest request;
    request.set_collection("animals");
    request.set_query(std::move(query));
    return request;
  }

  static CallTime Now() { return {.arrival = CallTime::Clock::now(), .deadline = {}}; }

  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request) {
    GANNET_ASSIGN_OR_RETURN(const SearchHandler::Plan plan, search_.Prepare(request, Now()));
    v1::SearchResponse response;
    GANNET_RETURN_IF_ERROR(search_.Run(plan, response));
    return response;
  }

  void ExpectRefused(const v1::SearchRequest& request, std::string_view message) {
    const absl::Status status = search_.Prepare(request, Now()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(base::Message(status), message);
    EXPECT_THAT(model_->embedded(), IsEmpty());
  }

  const std::shared_ptr<const LetterModel> model_ = std::make_shared<LetterModel>();
  const Catalog catalog_ = AnimalCatalog(model_);
  base::ThreadPool pool_{1};
  ranker::ModelRegistry models_;
  const PipelineCatalog pipelines_{models_, {}};
  const SearchHandler search_{catalog_, pipelines_, {.max_k = 20, .max_query_bytes = 16}, pool_};
  const CollectionHandler collections_{catalog_};
};

TEST_F(HandlerTest, AnswersWithHitsBestFirst) {
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse response, Search(Request("cat")));
  ASSERT_THAT(response.hits(),
              ElementsAre(Property(&v1::Hit::id, "cat"), Property(&v1::Hit::id, "act"),
                          Property(&v1::Hit::id, "zoo")));
  EXPECT_FLOAT_EQ(response.hits(0).score(), 1);
  ASSERT_EQ(response.hits(0).stage_scores_size(), 1);
  EXPECT_EQ(response.hits(0).stage_scores(0).stage(), "dense");
  EXPECT_FLOAT_EQ(response.hits(0).stage_scores(0).score(), 1);
  EXPECT_EQ(response.collection(), "animals");
  EXPECT_EQ(response.model().name(), model_->name());
  EXPECT_EQ(response.model().fingerprint(), model_->fingerprint());
  EXPECT_EQ(response.model().max_tokens(), 8u);
}

TEST_F(HandlerTest, SaysHowMuchOfTheQueryWasRead) {
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse whole, Search(Request("cat")));
  EXPECT_EQ(whole.query_tokens().total(), 3u);
  EXPECT_EQ(whole.query_tokens().read(), 3u);
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse cut, Search(Request("a cat in a zoo")));
  EXPECT_EQ(cut.query_tokens().total(), 14u);
  EXPECT_EQ(cut.query_tokens().read(), 8u);
  EXPECT_EQ(cut.query_tokens().windows(), 1u);
}

TEST_F(HandlerTest, TimingsAddUp) {
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse response, Search(Request("cat")));
  const v1::SearchTimings& timings = response.timings();
  // Each part is rounded to a microsecond.
  EXPECT_LE(timings.queue_us() + timings.encode_us() + timings.retrieve_us(),
            timings.total_us() + 3);
}

TEST_F(HandlerTest, ViewDecidesWhatHitsCarry) {
  v1::SearchRequest request = Request("cat");
  for (const v1::DocumentView view : {v1::DOCUMENT_VIEW_UNSPECIFIED, v1::DOCUMENT_VIEW_ID_ONLY,
                                      v1::DOCUMENT_VIEW_BASIC, v1::DOCUMENT_VIEW_FULL}) {
    request.set_view(view);
    ASSERT_OK_AND_ASSIGN(const v1::SearchResponse response, Search(request));
    const v1::Hit& hit = response.hits(0);
    const bool has_document = view != v1::DOCUMENT_VIEW_ID_ONLY;
    EXPECT_EQ(hit.id(), "cat");
    EXPECT_EQ(hit.title(), has_document ? "A cat" : "");
    // The integer is 2^53 + 1: it survives because the metadata travels as text.
    EXPECT_EQ(hit.metadata_json(), has_document ? R"({"serial":9007199254740993})" : "");
    EXPECT_EQ(hit.text(), view == v1::DOCUMENT_VIEW_FULL ? "cat" : "");
  }
}

TEST_F(HandlerTest, HitsNameTheirPassage) {
  v1::SearchRequest request = Request("cat");
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse full, Search(request));
  const v1::TextWindow& passage = full.hits(0).passage();
  EXPECT_EQ(passage.index(), 0u);
  EXPECT_EQ(passage.count(), 1u);
  EXPECT_EQ(passage.first_byte(), 0u);
  EXPECT_EQ(passage.bytes(), 3u);  // "cat", without the title "A cat".
  request.set_view(v1::DOCUMENT_VIEW_ID_ONLY);
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse ids, Search(request));
  EXPECT_TRUE(ids.hits(0).has_passage());
  EXPECT_EQ(ids.hits(0).passage().count(), 0u);
}

TEST_F(HandlerTest, ReturnsAtMostK) {
  v1::SearchRequest request = Request("cat");
  request.set_k(2);
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse two, Search(request));
  EXPECT_EQ(two.hits_size(), 2);
  request.set_k(20);
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse all, Search(request));
  EXPECT_EQ(all.hits_size(), 3);
}

TEST_F(HandlerTest, KIsTenWhenNotSet) {
  v1::SearchRequest request = Request("cat");
  ASSERT_OK_AND_ASSIGN(const SearchHandler::Plan plan, search_.Prepare(request, Now()));
  EXPECT_EQ(plan.k, 10u);
  const SearchHandler small(catalog_, pipelines_, {.max_k = 3, .max_query_bytes = 16}, pool_);
  ASSERT_OK_AND_ASSIGN(const SearchHandler::Plan small_plan, small.Prepare(request, {}));
  EXPECT_EQ(small_plan.k, 3u);
}

TEST_F(HandlerTest, RefusesKOutOfRange) {
  v1::SearchRequest request = Request("cat");
  request.set_k(0);
  ExpectRefused(request, "k: 0, must be from 1 to 20");
  request.set_k(21);
  ExpectRefused(request, "k: 21, must be from 1 to 20");
}

TEST_F(HandlerTest, RefusesAQueryThatIsEmptyOrTooLong) {
  ExpectRefused(Request(""), "query: must not be empty");
  ExpectRefused(Request(" \t\u3000\n"), "query: must not be empty");
  ExpectRefused(Request("seventeen letters"), "query: 17 bytes, this server reads at most 16");
}

TEST_F(HandlerTest, AQueryThatCannotBeEmbeddedIsAnError) {
  const absl::Status status = Search(Request("cat #")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(base::Message(status), "query: a hash");
}

TEST_F(HandlerTest, RefusesAViewThatDoesNotExist) {
  v1::SearchRequest request = Request("cat");
  request.set_view(static_cast<v1::DocumentView>(7));
  ExpectRefused(request, "view: 7 is not a DocumentView");
}

TEST_F(HandlerTest, RefusesAnUnknownCollection) {
  v1::SearchRequest request = Request("cat");
  request.set_collection("plants");
  const absl::Status status = search_.Prepare(request, Now()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(base::Message(status), "no collection \"plants\"; there are: animals");
}

TEST_F(HandlerTest, DescribesCollections) {
  v1::ListCollectionsResponse list;
  collections_.List(list);
  ASSERT_EQ(list.collections_size(), 1);
  v1::GetCollectionRequest request;
  request.set_name("animals");
  v1::Collection animals;
  ASSERT_OK(collections_.Get(request, animals));
  EXPECT_EQ(animals.name(), "animals");
  EXPECT_EQ(animals.documents(), 3u);
  EXPECT_EQ(animals.dimension(), 26u);
  EXPECT_EQ(animals.similarity(), v1::SIMILARITY_COSINE);
  EXPECT_EQ(animals.model().name(), "letters");
  EXPECT_EQ(animals.SerializeAsString(), list.collections(0).SerializeAsString());
  request.set_name("plants");
  EXPECT_EQ(collections_.Get(request, animals).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gannet::service
