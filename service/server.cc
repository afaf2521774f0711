#include "service/server.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <string>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "gannet/v1/gannet.grpc.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "service/collection_handler.h"
#include "service/grpc_status.h"
#include "service/request_queue.h"

// The callback API, because a call that waits there holds no thread: the synchronous API of gRPC
// 1.51 gives every call a thread from arrival to answer, so a queue of searches would be a queue of
// threads, and a refusal or a health check would have to find a free one first. gRPC's callback
// threads (2 to 16, by processors) must not block, hence the RequestQueue.

namespace gannet::service {
namespace {

// Whether the caller still waits for the answer.
absl::Status CheckWanted(const grpc::CallbackServerContext& context) {
  if (std::chrono::system_clock::now() >= context.deadline()) {
    return absl::DeadlineExceededError("the deadline passed before the search began");
  }
  if (context.IsCancelled()) {
    return absl::CancelledError("the call was cancelled before the search began");
  }
  return absl::OkStatus();
}

// Faults of ours go to the log; faults of the request are the caller's to read.
absl::Status Logged(absl::Status status, std::string_view call) {
  if (absl::IsInternal(status) || absl::IsDataLoss(status) || absl::IsUnknown(status)) {
    base::LogError(fmt::format("{}: {}", call, base::Message(status)));
  }
  return status;
}

// When a call arrived, and its deadline where it has one, by the clock that never jumps.
CallTime TimeOf(const grpc::CallbackServerContext& context) {
  constexpr std::chrono::hours kForever(24 * 365);
  const auto left = context.deadline() - std::chrono::system_clock::now();
  CallTime time{.arrival = CallTime::Clock::now(), .deadline = std::nullopt};
  if (left < kForever) time.deadline = time.arrival + left;
  return time;
}

// Answers calls that wait in the queue for a thread.
template <typename Handler>
class QueuedCalls {
 public:
  QueuedCalls(Handler handler, RequestQueue& queue) : handler_(handler), queue_(&queue) {}

  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Answer(std::string_view call, grpc::CallbackServerContext& context,
                                   const Request& request, Response& response) {
    grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
    const absl::Status status = Admit(call, context, request, response, *reactor);
    if (!status.ok()) reactor->Finish(ToGrpc(status));
    return reactor;
  }

 private:
  // On success the request's turn will come and finish the call.
  template <typename Request, typename Response>
  absl::Status Admit(std::string_view call, grpc::CallbackServerContext& context,
                     const Request& request, Response& response,
                     grpc::ServerUnaryReactor& reactor) {
    GANNET_ASSIGN_OR_RETURN(const typename Handler::Plan plan,
                            handler_.Prepare(request, TimeOf(context)));
    const auto status = std::make_shared<absl::Status>();
    return queue_->Submit({
        .run =
            [this, call, plan, status, &context, &response] {
              *status = CheckWanted(context);
              if (status->ok()) *status = Logged(handler_.Run(plan, response), call);
            },
        .finish = [status, &reactor] { reactor.Finish(ToGrpc(*status)); },
    });
  }

  const Handler handler_;
  RequestQueue* const queue_;
};

class SearchService final : public v1::SearchService::CallbackService {
 public:
  SearchService(SearchHandler handler, RequestQueue& queue) : calls_(handler, queue) {}

  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const v1::SearchRequest* request,
                                   v1::SearchResponse* response) override {
    return calls_.Answer("Search", *context, *request, *response);
  }

 private:
  QueuedCalls<SearchHandler> calls_;
};

class RerankService final : public v1::RerankService::CallbackService {
 public:
  RerankService(RerankHandler handler, RequestQueue& queue) : calls_(handler, queue) {}

  grpc::ServerUnaryReactor* Rerank(grpc::CallbackServerContext* context,
                                   const v1::RerankRequest* request,
                                   v1::RerankResponse* response) override {
    return calls_.Answer("Rerank", *context, *request, *response);
  }

 private:
  QueuedCalls<RerankHandler> calls_;
};

class CollectionService final : public v1::CollectionService::CallbackService {
 public:
  explicit CollectionService(CollectionHandler handler) : handler_(handler) {}

  grpc::ServerUnaryReactor* ListCollections(grpc::CallbackServerContext* context,
                                            const v1::ListCollectionsRequest*,
                                            v1::ListCollectionsResponse* response) override {
    handler_.List(*response);
    return Finished(*context, absl::OkStatus());
  }

  grpc::ServerUnaryReactor* GetCollection(grpc::CallbackServerContext* context,
                                          const v1::GetCollectionRequest* request,
                                          v1::Collection* response) override {
    return Finished(*context, handler_.Get(*request, *response));
  }

 private:
  static grpc::ServerUnaryReactor* Finished(grpc::CallbackServerContext& context,
                                            const absl::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context.DefaultReactor();
    reactor->Finish(ToGrpc(status));
    return reactor;
  }

  const CollectionHandler handler_;
};

void LogForGrpc(gpr_log_func_args* line) {
  const bool is_error = line->severity == GPR_LOG_SEVERITY_ERROR;
  base::Log(is_error ? base::LogLevel::kWarning : base::LogLevel::kDebug,
            fmt::format("gRPC: {}", line->message));
}

// Settings of the process-wide kind, made before any server is built.
void PrepareGrpc() {
  // Never undone: with its last object gRPC 1.51 shuts down, and then waits up to 10 s for
  // connections that a cancelled call left half written.
  grpc_init();
  gpr_set_log_function(&LogForGrpc);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Keeps the description of the health service in the binary, for reflection to find.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerOptions& options, const Catalog& catalog, const PipelineCatalog& pipelines,
       base::ThreadPool& pool)
      : queue_(pool.threads(), options.max_in_flight),
        search_(SearchHandler(catalog, pipelines, options.search, pool), queue_),
        rerank_(RerankHandler(pipelines, options.rerank, pool), queue_),
        collections_(CollectionHandler(catalog)),
        address_(options.listen) {}

  absl::Status Start(size_t max_message_bytes) {
    GANNET_RETURN_IF_ERROR(CheckCanListen(address_));
    PrepareGrpc();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(FormatAddress(address_), grpc::InsecureServerCredentials(), &port);
    // Without this a second server would share the port in silence, each taking some of the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(static_cast<int>(max_message_bytes));
    BoundSynchronousThreads(builder);
    builder.RegisterService(&search_);
    builder.RegisterService(&rerank_);
    builder.RegisterService(&collections_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError(
          fmt::format("cannot listen on {}: gRPC could not take it", FormatAddress(address_)));
    }
    address_.port = static_cast<uint16_t>(port);
    SetHealth(true);
    return absl::OkStatus();
  }

  void Stop(std::chrono::milliseconds drain) {
    if (server_ == nullptr) return;
    SetHealth(false);
    server_->Shutdown(std::chrono::system_clock::now() + drain);
    server_->Wait();
    server_.reset();
  }

  const Address& address() const { return address_; }

 private:
  // Reflection is the one service that uses gRPC's synchronous threads: a stream left open holds
  // one. Past this many, the next stream is refused.
  static void BoundSynchronousThreads(grpc::ServerBuilder& builder) {
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
    builder.SetResourceQuota(grpc::ResourceQuota("gannet").SetMaxThreads(8));
  }

  void SetHealth(bool serving) {
    grpc::HealthCheckServiceInterface& health = *server_->GetHealthCheckService();
    for (const std::string_view service :
         {"", v1::SearchService::service_full_name(), v1::RerankService::service_full_name(),
          v1::CollectionService::service_full_name()}) {
      health.SetServingStatus(std::string(service), serving);
    }
  }

  // Calls in flight reach into the services and the queue, so the server goes first.
  RequestQueue queue_;
  SearchService search_;
  RerankService rerank_;
  CollectionService collections_;
  Address address_;
  std::unique_ptr<grpc::Server> server_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Stop(std::chrono::milliseconds(0)); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      const Catalog& catalog,
                                                      const PipelineCatalog& pipelines,
                                                      base::ThreadPool& pool) {
  auto impl = std::make_unique<Impl>(options, catalog, pipelines, pool);
  GANNET_RETURN_IF_ERROR(impl->Start(options.max_message_bytes));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const Address& Server::address() const { return impl_->address(); }

void Server::Stop(std::chrono::milliseconds drain) { impl_->Stop(drain); }

}  // namespace gannet::service
