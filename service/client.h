#ifndef GANNET_SERVICE_CLIENT_H_
#define GANNET_SERVICE_CLIENT_H_

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "service/address.h"

namespace gannet::v1 {
class ListCollectionsResponse;
class RerankRequest;
class RerankResponse;
class SearchRequest;
class SearchResponse;
}  // namespace gannet::v1

namespace gannet::service {

struct ClientOptions {
  Address server;
  // For each call, connecting included.
  std::chrono::milliseconds deadline{10'000};
};

// Calls a running server. Every error names its address and keeps its code; no connection is
// kUnavailable. Connects with the first call. Safe to use from several threads.
class Client {
 public:
  explicit Client(const ClientOptions& options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request);
  absl::StatusOr<v1::RerankResponse> Rerank(const v1::RerankRequest& request);
  absl::StatusOr<v1::ListCollectionsResponse> ListCollections();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gannet::service

#endif  // GANNET_SERVICE_CLIENT_H_
