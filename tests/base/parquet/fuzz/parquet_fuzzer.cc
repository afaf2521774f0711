// Any bytes as a Parquet file: refused with a message, or rows that are JSON objects.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/parquet/parquet_reader.h"
#include "base/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using gannet::base::ParquetReader;
  // A few bytes can claim any number of rows of nulls: enough is read to see that they are rows.
  constexpr int kRowsRead = 1000;
  auto reader = ParquetReader::Parse({reinterpret_cast<const char*>(data), size}, "fuzz",
                                     {.max_row_bytes = 1 << 16, .max_page_bytes = 1 << 22});
  for (int i = 0; reader.ok() && i < kRowsRead; ++i) {
    std::string_view row;
    const absl::StatusOr<bool> more = reader->Next(row);
    if (!more.ok() || !*more) break;
    const auto json = nlohmann::json::parse(gannet::base::RepairUtf8(row).text, nullptr,
                                            /*allow_exceptions=*/false);
    if (!json.is_object()) std::abort();
  }
  return 0;
}
