#include "cli/hub/hub_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status.h"
#include "cli/hub/model_cache.h"

namespace gannet::cli {
namespace {

using Json = nlohmann::json;

constexpr int kMostRedirects = 10;

// Percent-encodes what may not stand in a URL; slashes stay where they separate folders.
enum class Slash { kKeep, kEncode };
std::string UrlEncoded(std::string_view text, Slash slash) {
  std::string url;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
                            c == '~' || (c == '/' && slash == Slash::kKeep);
    if (unreserved) {
      url += c;
    } else {
      fmt::format_to(std::back_inserter(url), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return url;
}

// The server's own words, made fit for a terminal.
std::string Printable(std::string_view text) {
  constexpr size_t kMost = 300;
  std::string printable(text.substr(0, kMost));
  std::replace_if(
      printable.begin(), printable.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return printable;
}

bool IsHexadecimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// W/"abc" -> abc
std::string_view UnquotedEtag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) {
    etag = etag.substr(1, etag.size() - 2);
  }
  return etag;
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return size;
}

// {"sha": COMMIT, "siblings": [{"rfilename": FILE}, ...], ...}
absl::StatusOr<RepositoryListing> ParseListing(const std::string& body) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto malformed = [](std::string_view what) {
    return absl::UnavailableError(fmt::format("not the listing of a repository: {}", what));
  };
  if (!json.is_object()) return malformed("no JSON object");
  if (!json.contains("sha") || !json["sha"].is_string()) return malformed("no \"sha\"");
  RepositoryListing listing{.commit = json["sha"].get<std::string>(), .files = {}};
  if (listing.commit.size() != 40 || !IsHexadecimal(listing.commit)) {
    return malformed(fmt::format("\"sha\" {:?} is not a commit", listing.commit));
  }
  if (!json.contains("siblings") || !json["siblings"].is_array()) {
    return malformed("no \"siblings\"");
  }
  for (const Json& sibling : json["siblings"]) {
    if (!sibling.is_object() || !sibling.contains("rfilename") ||
        !sibling["rfilename"].is_string()) {
      return malformed("a sibling without \"rfilename\"");
    }
    listing.files.push_back(sibling["rfilename"].get<std::string>());
    GANNET_RETURN_IF_ERROR(CheckRelativePath(listing.files.back(), "file name"));
  }
  return listing;
}

}  // namespace

HubClient::HubClient(const HubSettings& settings, std::string model_id)
    : settings_(settings),
      model_id_(std::move(model_id)),
      http_({.bearer_token = settings.token,
             .bearer_url = settings.endpoint,
             .ca_bundle = settings.ca_bundle}) {}

absl::StatusOr<RepositoryListing> HubClient::List(const std::string& revision) {
  const std::string url = fmt::format("{}/api/models/{}/revision/{}", settings_.endpoint, model_id_,
                                      UrlEncoded(revision, Slash::kEncode));
  const absl::StatusOr<HttpResponse> response = http_.Get(url);
  if (!response.ok()) return Unreachable(response.status());
  if (response->status != 200) {
    return Refusal(*response, url,
                   fmt::format("model \"{}\", revision \"{}\"", model_id_, revision));
  }
  absl::StatusOr<RepositoryListing> listing = ParseListing(response->body);
  if (!listing.ok()) return base::Annotate(listing.status(), url);
  return listing;
}

absl::StatusOr<RemoteFile> HubClient::Describe(const std::string& commit, const std::string& file) {
  RemoteFile remote{.name = file,
                    .url = fmt::format("{}/{}/resolve/{}/{}", settings_.endpoint, model_id_, commit,
                                       UrlEncoded(file, Slash::kKeep)),
                    .checksum = "",
                    .size = std::nullopt};
  HttpResponse response;
  std::string url = remote.url;
  // A redirect that names the checksum leads to a storage host, which need not be asked; others
  // (a renamed repository, a mirror) lead to the answer.
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    absl::StatusOr<HttpResponse> answer = http_.Head(url);
    if (!answer.ok()) return Unreachable(answer.status());
    response = *std::move(answer);
    if (response.redirect_url.empty() || !response.Header("x-linked-etag").empty()) break;
    url = response.redirect_url;
  }
  const bool linked = !response.Header("x-linked-etag").empty();
  if (response.status != 200 && !linked) {
    return Refusal(response, remote.url, fmt::format("file {} of \"{}\"", file, model_id_));
  }
  remote.checksum = UnquotedEtag(response.Header(linked ? "x-linked-etag" : "etag"));
  remote.size = ParseSize(response.Header(linked ? "x-linked-size" : "content-length"));
  if ((remote.checksum.size() != 40 && remote.checksum.size() != 64) ||
      !IsHexadecimal(remote.checksum)) {
    return absl::UnavailableError(
        fmt::format("{}: the server names no SHA-1 or SHA-256 to check the file by (ETag {:?})",
                    remote.url, remote.checksum));
  }
  return remote;
}

absl::Status HubClient::Download(const RemoteFile& file, uint64_t offset, BodySink sink) {
  const absl::StatusOr<HttpResponse> response = http_.Download(file.url, offset, sink);
  if (!response.ok()) return response.status();
  if (response->status == 200 || response->status == 206) return absl::OkStatus();
  if (response->status == 416) return absl::OutOfRangeError(file.url);
  return Refusal(*response, file.url, fmt::format("file {} of \"{}\"", file.name, model_id_));
}

absl::Status HubClient::Refusal(const HttpResponse& response, const std::string& url,
                                std::string_view what) const {
  std::string message =
      fmt::format("{}: the server answered {} for {}", url, response.status, what);
  if (const auto words = response.Header("x-error-message"); !words.empty()) {
    message += fmt::format(" (\"{}\")", Printable(words));
  }
  switch (response.status) {
    case 401:
      return absl::UnauthenticatedError(fmt::format(
          "{}; it does not exist, or is private or gated: {}", message,
          settings_.token.empty() ? "set HF_TOKEN to a token that may read it"
                                  : "the token (HF_TOKEN or the token file) is not accepted"));
    case 403:
      return absl::PermissionDeniedError(fmt::format(
          "{}; a gated model: accept its conditions on {}/{} and set HF_TOKEN to a token of that "
          "account",
          message, settings_.endpoint, model_id_));
    case 404:
      return absl::NotFoundError(
          fmt::format("{}; there is no such model, revision or file there", message));
    default:
      return absl::UnavailableError(fmt::format("{}; try again later", message));
  }
}

absl::Status HubClient::Unreachable(const absl::Status& status) const {
  return absl::Status(
      status.code(),
      fmt::format("{}; set HF_ENDPOINT to a hub that can be reached (now {}), or use --offline for "
                  "what the cache {} holds",
                  base::Message(status), settings_.endpoint, settings_.cache.string()));
}

}  // namespace gannet::cli
