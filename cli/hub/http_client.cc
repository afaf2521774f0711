#include "cli/hub/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

#include "base/status.h"

namespace gannet::cli {
namespace {

constexpr size_t kMostBodyBytes = 64 << 20;
constexpr size_t kMostErrorBytes = 4 << 10;
constexpr long kMostRedirects = 10;
constexpr long kConnectTimeoutSeconds = 15;
constexpr long kStallSeconds = 60;  // Without a byte for so long, a transfer is broken off.

using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

struct Origin {
  std::string scheme, host, port;
  friend bool operator==(const Origin&, const Origin&) = default;
};

std::optional<Origin> OriginOf(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return std::nullopt;
  const auto part = [&](CURLUPart which) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), which, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) {
      return std::string();
    }
    const std::string lower = LowerCase(text);
    curl_free(text);
    return lower;
  };
  return Origin{part(CURLUPART_SCHEME), part(CURLUPART_HOST), part(CURLUPART_PORT)};
}

// Where the body of a 206 begins in the whole file: "bytes 100-199/200" -> 100.
std::optional<uint64_t> RangeBegin(std::string_view content_range) {
  constexpr std::string_view kUnit = "bytes ";
  if (!content_range.starts_with(kUnit)) return std::nullopt;
  content_range.remove_prefix(kUnit.size());
  uint64_t begin = 0;
  const auto [end, error] =
      std::from_chars(content_range.data(), content_range.data() + content_range.size(), begin);
  if (error != std::errc()) return std::nullopt;
  return begin;
}

// One request as libcurl's callbacks see it.
struct Exchange {
  BodySink sink;
  HttpResponse response;
  uint64_t position = 0;  // Of the next byte of the body in the whole file.
  absl::Status failure;   // Of the sink.

  void ReadHeaderLine(std::string_view line) {
    if (line.starts_with("HTTP/")) return StartResponse(line);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    response.headers[LowerCase(line.substr(0, colon))] = Trimmed(line.substr(colon + 1));
  }

  // Each response of a redirect chain begins with a line like "HTTP/1.1 200 OK".
  void StartResponse(std::string_view line) {
    response.headers.clear();
    response.status = 0;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), response.status);
  }

  absl::Status ReadBody(std::string_view bytes) {
    if (response.status != 200 && response.status != 206) {
      response.body += bytes.substr(0, kMostErrorBytes - response.body.size());
      return absl::OkStatus();
    }
    if (position == 0 && response.status == 206) {
      const std::optional<uint64_t> begin = RangeBegin(response.Header("content-range"));
      if (!begin) return absl::UnavailableError("a part of the file without its place in it");
      position = *begin;
    }
    GANNET_RETURN_IF_ERROR(sink(position, bytes));
    position += bytes.size();
    return absl::OkStatus();
  }
};

size_t OnHeader(char* data, size_t size, size_t count, void* exchange) {
  static_cast<Exchange*>(exchange)->ReadHeaderLine({data, size * count});
  return size * count;
}

size_t OnBody(char* data, size_t size, size_t count, void* context) {
  auto* exchange = static_cast<Exchange*>(context);
  exchange->failure = exchange->ReadBody({data, size * count});
  return exchange->failure.ok() ? size * count : 0;
}

}  // namespace

std::string_view HttpResponse::Header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

struct HttpClient::Connection {
  enum class Method { kHead, kGet };

  Options options;
  std::optional<Origin> bearer_origin;
  // Kept from request to request, because it keeps connections open.
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(), &curl_easy_cleanup};

  void SetUp(const std::string& url, Method method) {
    CURL* handle = curl.get();
    curl_easy_reset(handle);
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "gannet");
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    // A secure address must not be traded for one that anybody can rewrite.
    curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR,
                     url.starts_with("https:") ? "https" : "http,https");
    curl_easy_setopt(handle, CURLOPT_NOBODY, method == Method::kHead ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, method == Method::kGet ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, kMostRedirects);
    // Off is the default, and what keeps the token from the hosts that redirects lead to.
    curl_easy_setopt(handle, CURLOPT_UNRESTRICTED_AUTH, 0L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSeconds);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
    if (!options.ca_bundle.empty()) {
      curl_easy_setopt(handle, CURLOPT_CAINFO, options.ca_bundle.c_str());
    }
  }

  HeaderList RequestHeaders(const std::string& url, uint64_t offset) const {
    curl_slist* list = nullptr;
    if (!options.bearer_token.empty() && bearer_origin && OriginOf(url) == bearer_origin) {
      const std::string header = fmt::format("Authorization: Bearer {}", options.bearer_token);
      list = curl_slist_append(list, header.c_str());
    }
    if (offset > 0) {
      list = curl_slist_append(list, fmt::format("Range: bytes={}-", offset).c_str());
    }
    return {list, &curl_slist_free_all};
  }

  absl::StatusOr<HttpResponse> Perform(const std::string& url, Method method, uint64_t offset,
                                       BodySink sink) {
    if (curl == nullptr) return absl::ResourceExhaustedError("libcurl cannot start");
    CURL* handle = curl.get();
    const HeaderList headers = RequestHeaders(url, offset);
    Exchange exchange{.sink = sink, .response = {}, .failure = {}};
    std::array<char, CURL_ERROR_SIZE> error{};
    SetUp(url, method);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &OnHeader);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &OnBody);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error.data());
    const CURLcode code = curl_easy_perform(handle);
    char* redirect = nullptr;
    curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &redirect);
    if (redirect != nullptr) exchange.response.redirect_url = redirect;
    curl_easy_reset(handle);  // The options point into this frame.

    if (!exchange.failure.ok()) return exchange.failure;
    if (code == CURLE_OK) return std::move(exchange.response);
    return absl::UnavailableError(
        fmt::format("{}: {}", url, error[0] != '\0' ? error.data() : curl_easy_strerror(code)));
  }
};

HttpClient::HttpClient(Options options) : connection_(std::make_unique<Connection>()) {
  connection_->bearer_origin = OriginOf(options.bearer_url);
  connection_->options = std::move(options);
}

HttpClient::~HttpClient() = default;

absl::StatusOr<HttpResponse> HttpClient::Head(const std::string& url) {
  return connection_->Perform(url, Connection::Method::kHead, 0,
                              [](uint64_t, std::string_view) { return absl::OkStatus(); });
}

absl::StatusOr<HttpResponse> HttpClient::Get(const std::string& url) {
  std::string body;
  const auto keep = [&](uint64_t, std::string_view bytes) -> absl::Status {
    if (body.size() + bytes.size() > kMostBodyBytes) {
      return absl::OutOfRangeError(
          fmt::format("{}: the answer is longer than {} bytes", url, kMostBodyBytes));
    }
    body += bytes;
    return absl::OkStatus();
  };
  GANNET_ASSIGN_OR_RETURN(HttpResponse response,
                          connection_->Perform(url, Connection::Method::kGet, 0, keep));
  if (response.status == 200) response.body = std::move(body);
  return response;
}

absl::StatusOr<HttpResponse> HttpClient::Download(const std::string& url, uint64_t offset,
                                                  BodySink sink) {
  return connection_->Perform(url, Connection::Method::kGet, offset, sink);
}

}  // namespace gannet::cli
