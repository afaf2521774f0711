#include "service/client.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <limits>
#include <string>

#include "base/status.h"
#include "gannet/v1/gannet.grpc.pb.h"
#include "service/grpc_status.h"

namespace gannet::service {
namespace {

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  // Never undone, for the reason given in server.cc.
  grpc_init();
  grpc::ChannelArguments arguments;
  // A search server is a neighbour: a proxy that the environment names for the web is not asked.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // The texts of a thousand hits may exceed gRPC's default of 4 MiB, and this side asked for them.
  arguments.SetMaxReceiveMessageSize(std::numeric_limits<int>::max());
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(const ClientOptions& options)
      : address_(FormatAddress(options.server)),
        deadline_(options.deadline),
        channel_(MakeChannel(address_)),
        search_(v1::SearchService::NewStub(channel_)),
        rerank_(v1::RerankService::NewStub(channel_)),
        collections_(v1::CollectionService::NewStub(channel_)) {}

  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request) {
    return Call<v1::SearchResponse>(*search_, &v1::SearchService::Stub::Search, request);
  }

  absl::StatusOr<v1::RerankResponse> Rerank(const v1::RerankRequest& request) {
    return Call<v1::RerankResponse>(*rerank_, &v1::RerankService::Stub::Rerank, request);
  }

  absl::StatusOr<v1::ListCollectionsResponse> ListCollections() {
    return Call<v1::ListCollectionsResponse>(
        *collections_, &v1::CollectionService::Stub::ListCollections, v1::ListCollectionsRequest());
  }

 private:
  template <typename Response, typename Stub, typename Method, typename Request>
  absl::StatusOr<Response> Call(Stub& stub, Method method, const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + deadline_);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (status.ok()) return response;
    return Explain(status);
  }

  absl::Status Explain(const grpc::Status& status) const {
    // A host that drops packets looks like a slow answer until the state of the channel is asked.
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
        channel_->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY) {
      return absl::UnavailableError(
          fmt::format("server {}: no connection within {} ms", address_, deadline_.count()));
    }
    // This side never cancels. gRPC 1.51 answers so to calls that arrive while its server stops.
    if (status.error_code() == grpc::StatusCode::CANCELLED) {
      return absl::UnavailableError(fmt::format(
          "server {}: it dropped the call, as a server that is stopping does", address_));
    }
    return base::Annotate(FromGrpc(status), fmt::format("server {}", address_));
  }

  const std::string address_;
  const std::chrono::milliseconds deadline_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::SearchService::Stub> search_;
  const std::unique_ptr<v1::RerankService::Stub> rerank_;
  const std::unique_ptr<v1::CollectionService::Stub> collections_;
};

Client::Client(const ClientOptions& options) : impl_(std::make_unique<Impl>(options)) {}

Client::~Client() = default;

absl::StatusOr<v1::SearchResponse> Client::Search(const v1::SearchRequest& request) {
  return impl_->Search(request);
}

absl::StatusOr<v1::RerankResponse> Client::Rerank(const v1::RerankRequest& request) {
  return impl_->Rerank(request);
}

absl::StatusOr<v1::ListCollectionsResponse> Client::ListCollections() {
  return impl_->ListCollections();
}

}  // namespace gannet::service
