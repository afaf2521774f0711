#include "service/server.h"

#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/status.h"
#include "gannet/v1/gannet.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "service/client.h"
#include "service/grpc_status.h"
#include "tests/service/generic_call.h"
#include "tests/service/memory_collection.h"
#include "tests/testing/shared_data.h"

namespace gannet::service {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::chrono::milliseconds kLong(60'000);

using HealthResponse = grpc::health::v1::HealthCheckResponse;

// A server over the collection "animals" with a model that the test can hold up at a gate.
class ServerTest : public ::testing::Test {
 protected:
  // One search at a time.
  explicit ServerTest(size_t max_in_flight = 16) { Start(max_in_flight); }

  void Start(size_t max_in_flight) {
    ServerOptions options;
    options.listen = {.host = "127.0.0.1", .port = 0};
    options.max_in_flight = max_in_flight;
    auto server = Server::Start(options, catalog_, pipelines_, pool_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ =
        std::make_unique<Client>(ClientOptions{.server = server_->address(), .deadline = kLong});
    channel_ =
        grpc::CreateChannel(FormatAddress(server_->address()), grpc::InsecureChannelCredentials());
  }

  static v1::SearchRequest Request(std::string query) {
    v1::SearchRequest request;
    request.set_collection("animals");
    request.set_query(std::move(query));
    return request;
  }

  // A search that has reached the model, and waits there.
  std::future<absl::StatusOr<v1::SearchResponse>> SearchUpToTheGate() {
    auto call = std::async(std::launch::async, [this] { return client_->Search(Request("cat")); });
    gate_.AwaitArrivals(1);
    return call;
  }

  // The code that a search with this deadline ends with.
  grpc::StatusCode SearchFor(std::string query, std::chrono::milliseconds deadline) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + deadline);
    v1::SearchResponse response;
    return v1::SearchService::NewStub(channel_)
        ->Search(&context, Request(std::move(query)), &response)
        .error_code();
  }

  // What Check says of a service, or the error.
  absl::StatusOr<HealthResponse::ServingStatus> CheckHealth(const std::string& service) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    HealthResponse response;
    const grpc::Status status =
        grpc::health::v1::Health::NewStub(channel_)->Check(&context, request, &response);
    if (!status.ok()) return FromGrpc(status);
    return response.status();
  }

  // What server reflection answers to a request with one field set, as text.
  std::string Reflect(const std::string& field, const std::string& value) {
    const auto make = [](const std::string& name) {
      using google::protobuf::DescriptorPool;
      using google::protobuf::MessageFactory;
      return std::unique_ptr<google::protobuf::Message>(
          MessageFactory::generated_factory()
              ->GetPrototype(DescriptorPool::generated_pool()->FindMessageTypeByName(
                  "grpc.reflection.v1alpha." + name))
              ->New());
    };
    const auto request = make("ServerReflectionRequest");
    request->GetReflection()->SetString(request.get(),
                                        request->GetDescriptor()->FindFieldByName(field), value);
    const auto response = make("ServerReflectionResponse");
    GenericCall call(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
    EXPECT_TRUE(call.Send(*request) && call.Receive(*response));
    return response->ShortDebugString();
  }

  Gate gate_;
  const std::shared_ptr<const LetterModel> model_ = std::make_shared<LetterModel>(&gate_);
  const Catalog catalog_ = AnimalCatalog(model_);
  ranker::ModelRegistry models_;
  PipelineCatalog pipelines_{models_, {}};
  base::ThreadPool pool_{1};
  std::unique_ptr<Server> server_;
  std::unique_ptr<Client> client_;
  std::shared_ptr<grpc::Channel> channel_;
};

class FullServerTest : public ServerTest {
 protected:
  FullServerTest() : ServerTest(/*max_in_flight=*/1) {}
};

TEST_F(ServerTest, AnswersAsTheSearcherDoes) {
  gate_.Open();
  ASSERT_OK_AND_ASSIGN(const v1::SearchResponse response, client_->Search(Request("tac")));
  const std::array<std::string_view, 1> queries = {"tac"};
  ASSERT_OK_AND_ASSIGN(const auto results,
                       catalog_.entries().at("animals").searcher.Search(queries, 10, pool_));
  ASSERT_EQ(response.hits_size(), static_cast<int>(results[0].hits.size()));
  for (int i = 0; i < response.hits_size(); ++i) {
    EXPECT_EQ(response.hits(i).id(), results[0].hits[i].id);
    EXPECT_EQ(response.hits(i).score(), results[0].hits[i].score);
  }
}

TEST_F(ServerTest, TakesAFreePortAndReportsIt) { EXPECT_NE(server_->address().port, 0); }

TEST_F(ServerTest, ListsCollections) {
  ASSERT_OK_AND_ASSIGN(const v1::ListCollectionsResponse list, client_->ListCollections());
  ASSERT_EQ(list.collections_size(), 1);
  EXPECT_EQ(list.collections(0).name(), "animals");
}

TEST_F(ServerTest, GetsOneCollection) {
  const auto stub = v1::CollectionService::NewStub(channel_);
  grpc::ClientContext context;
  v1::GetCollectionRequest request;
  request.set_name("plants");
  v1::Collection collection;
  const grpc::Status status = stub->GetCollection(&context, request, &collection);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no collection \"plants\"; there are: animals");
}

TEST_F(ServerTest, ReRanksAndNamesThePipelinesItHas) {
  ASSERT_OK(pipelines_.Add("mono",
                           {.stages = {{.method = ranker::CrossEncoderMethod{
                                            .model = testing::TestData("tiny_bert").string()}}}}));
  v1::RerankRequest request;
  request.set_query("sea");
  for (const char* text : {"stone", "the sea"}) request.add_passages()->set_text(text);
  request.set_pipeline_name("mono");
  ASSERT_OK_AND_ASSIGN(const v1::RerankResponse response, client_->Rerank(request));
  ASSERT_EQ(response.hits_size(), 2);
  EXPECT_GE(response.hits(0).score(), response.hits(1).score());
  EXPECT_EQ(response.stages(0).stage(), "cross-encoder");
  request.set_pipeline_name("duo");
  const absl::Status status = client_->Rerank(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(base::Message(status)),
              HasSubstr("no pipeline \"duo\"; there are: mono"));
}

TEST_F(ServerTest, ErrorsKeepTheirCodeAndNameTheServer) {
  v1::SearchRequest request = Request("cat");
  request.set_k(1001);
  const absl::Status status = client_->Search(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(base::Message(status),
            "server " + FormatAddress(server_->address()) + ": k: 1001, must be from 1 to 1000");
}

TEST_F(ServerTest, RefusesAMessageThatIsTooLarge) {
  const absl::Status status = client_->Search(Request(std::string(5 << 20, 'a'))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(model_->embedded(), IsEmpty());
}

TEST_F(ServerTest, HealthIsReportedForTheServerAndEachService) {
  for (const char* service :
       {"", "gannet.v1.SearchService", "gannet.v1.RerankService", "gannet.v1.CollectionService"}) {
    ASSERT_OK_AND_ASSIGN(const auto health, CheckHealth(service));
    EXPECT_EQ(health, HealthResponse::SERVING) << service;
  }
  EXPECT_EQ(CheckHealth("gannet.v1.NoSuchService").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ServerTest, ReflectionListsTheServices) {
  const std::string answer = Reflect("list_services", "*");
  for (const char* service :
       {"gannet.v1.SearchService", "gannet.v1.RerankService", "gannet.v1.CollectionService",
        "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}) {
    EXPECT_THAT(answer, HasSubstr(service));
  }
}

TEST_F(ServerTest, ReflectionDescribesTheServices) {
  EXPECT_THAT(Reflect("file_containing_symbol", "gannet.v1.SearchService"),
              AllOf(HasSubstr("file_descriptor_response"), HasSubstr("gannet/v1/gannet.proto")));
  EXPECT_THAT(
      Reflect("file_containing_symbol", "grpc.health.v1.Health"),
      AllOf(HasSubstr("file_descriptor_response"), HasSubstr("grpc/health/v1/health.proto")));
}

TEST_F(FullServerTest, RefusesWhatExceedsTheLimitAndStillAnswersTheRest) {
  auto admitted = SearchUpToTheGate();
  EXPECT_EQ(client_->Search(Request("zoo")).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(CheckHealth("").ok());
  EXPECT_TRUE(client_->ListCollections().ok());
  gate_.Open();
  EXPECT_TRUE(admitted.get().ok());
  EXPECT_TRUE(client_->Search(Request("act")).ok());
  EXPECT_THAT(model_->embedded(), ElementsAre("cat", "act"));
}

TEST_F(ServerTest, ASearchWhoseDeadlinePassedInTheQueueReachesNoModel) {
  auto first = SearchUpToTheGate();
  // The server counts from the arrival, so it may learn of the end of the one only with the other.
  EXPECT_EQ(SearchFor("zoo", std::chrono::milliseconds(50)), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(SearchFor("dog", std::chrono::milliseconds(50)), grpc::StatusCode::DEADLINE_EXCEEDED);
  gate_.Open();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(client_->Search(Request("act")).ok());  // Behind the expired ones in the queue.
  EXPECT_THAT(model_->embedded(), AllOf(Contains("act"), Not(Contains("zoo"))));
}

TEST_F(ServerTest, ACancelledSearchReachesNoModel) {
  auto first = SearchUpToTheGate();
  const auto stub = v1::SearchService::NewStub(channel_);
  grpc::ClientContext context;
  v1::SearchResponse response;
  const v1::SearchRequest request = Request("zoo");
  std::promise<grpc::Status> ended;
  stub->async()->Search(&context, &request, &response,
                        [&ended](grpc::Status status) { ended.set_value(std::move(status)); });
  context.TryCancel();
  EXPECT_EQ(ended.get_future().get().error_code(), grpc::StatusCode::CANCELLED);
  ASSERT_TRUE(CheckHealth("").ok());  // On the same connection: the cancellation has arrived.
  gate_.Open();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(client_->Search(Request("act")).ok());
  EXPECT_THAT(model_->embedded(), ElementsAre("cat", "act"));
}

TEST_F(ServerTest, StopTurnsHealthFirstAndLetsCallsInFlightEnd) {
  grpc::ClientContext watching;
  const auto watch = grpc::health::v1::Health::NewStub(channel_)->Watch(
      &watching, grpc::health::v1::HealthCheckRequest());
  HealthResponse health;
  ASSERT_TRUE(watch->Read(&health));
  EXPECT_EQ(health.status(), HealthResponse::SERVING);

  auto in_flight = SearchUpToTheGate();
  std::thread stop([this] { server_->Stop(kLong); });
  ASSERT_TRUE(watch->Read(&health));
  EXPECT_EQ(health.status(), HealthResponse::NOT_SERVING);
  watching.TryCancel();
  gate_.Open();
  stop.join();
  const absl::StatusOr<v1::SearchResponse> answer = in_flight.get();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->hits(0).id(), "cat");
  EXPECT_EQ(client_->Search(Request("cat")).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ServerTest, StopCancelsWhatOutlastsTheDrain) {
  auto in_flight = SearchUpToTheGate();
  std::thread stop([this] { server_->Stop(std::chrono::milliseconds(0)); });
  // The caller learns it while the model still works.
  EXPECT_EQ(in_flight.get().status().code(), absl::StatusCode::kUnavailable);
  gate_.Open();
  stop.join();
}

TEST_F(ServerTest, PortInUseIsAnErrorThatNamesTheAddress) {
  ServerOptions options;
  options.listen = server_->address();
  const absl::Status status = Server::Start(options, catalog_, pipelines_, pool_).status();
  EXPECT_THAT(std::string(base::Message(status)),
              AllOf(HasSubstr("cannot listen on " + FormatAddress(server_->address())),
                    HasSubstr("Address already in use")));
}

TEST_F(ServerTest, PortIsFreeAgainAfterStop) {
  ServerOptions options;
  options.listen = server_->address();
  server_->Stop(kLong);
  ASSERT_OK_AND_ASSIGN(const auto again, Server::Start(options, catalog_, pipelines_, pool_));
  EXPECT_EQ(again->address(), options.listen);
}

TEST_F(ServerTest, UnreachableServerIsNamed) {
  server_->Stop(kLong);
  const absl::Status status = client_->Search(Request("cat")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(base::Message(status)),
              HasSubstr("server " + FormatAddress(server_->address())));
}

TEST(ClientTest, SilentServerIsUnavailableWithinTheDeadline) {
  // The kernel completes connections to a socket that nobody accepts from; gRPC's greeting never
  // comes.
  const int silent = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(silent, generic, size), 0);
  ASSERT_EQ(::listen(silent, 8), 0);
  ASSERT_EQ(::getsockname(silent, generic, &size), 0);
  Client client({.server = {.host = "127.0.0.1", .port = ntohs(address.sin_port)},
                 .deadline = std::chrono::milliseconds(200)});
  const absl::Status status = client.ListCollections().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(base::Message(status)),
              HasSubstr(std::to_string(ntohs(address.sin_port)) + ": no connection within 200 ms"));
  ::close(silent);
}

}  // namespace
}  // namespace gannet::service
