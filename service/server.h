#ifndef GANNET_SERVICE_SERVER_H_
#define GANNET_SERVICE_SERVER_H_

#include <chrono>
#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "service/address.h"
#include "service/catalog.h"
#include "service/pipeline_catalog.h"
#include "service/rerank_handler.h"
#include "service/search_handler.h"

namespace gannet::service {

struct ServerOptions {
  Address listen{.host = "127.0.0.1", .port = 7700};  // Port 0 takes a free one.
  // Most searches admitted and not yet answered; the next is refused with RESOURCE_EXHAUSTED.
  size_t max_in_flight = 256;
  // Larger requests are refused with RESOURCE_EXHAUSTED before they are read.
  size_t max_message_bytes = size_t{4} << 20;
  SearchLimits search;
  RerankLimits rerank;
};

// gannet.v1 over gRPC, with grpc.health.v1 and server reflection. Searches and re-rankings run on
// threads of the server's own, as many as `pool` works with at a time; whatever else gRPC does, it
// does on its own few threads, so that health checks and refusals are answered however busy the
// searches are.
class Server {
 public:
  // Listens, and answers from then on. `catalog`, `pipelines` and `pool` must outlive the server.
  // Errors name the address.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       const Catalog& catalog,
                                                       const PipelineCatalog& pipelines,
                                                       base::ThreadPool& pool);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Stop({}).
  ~Server();

  // With the port that was really taken.
  const Address& address() const;

  // Reports NOT_SERVING to health checks, then takes no more calls, and returns when those in
  // flight are answered; those still there after `drain` are cancelled. A health watch or a
  // reflection stream that a client keeps open counts as a call. Later calls of Stop do nothing.
  void Stop(std::chrono::milliseconds drain);

 private:
  class Impl;

  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace gannet::service

#endif  // GANNET_SERVICE_SERVER_H_
