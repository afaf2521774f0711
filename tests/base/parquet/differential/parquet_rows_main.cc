// The Gannet side of `compare`: writes the rows of a Parquet file to standard output, a line of
// JSON each.
#include <iostream>
#include <string_view>

#include "base/parquet/parquet_reader.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: parquet_rows FILE\n";
    return 2;
  }
  auto reader = gannet::base::ParquetReader::Open(argv[1]);
  if (!reader.ok()) {
    std::cerr << reader.status() << "\n";
    return 1;
  }
  std::ios::sync_with_stdio(false);
  for (;;) {
    std::string_view row;
    const absl::StatusOr<bool> more = reader->Next(row);
    if (!more.ok()) {
      std::cerr << more.status() << "\n";
      return 1;
    }
    if (!*more) return 0;
    std::cout << row << "\n";
  }
}
