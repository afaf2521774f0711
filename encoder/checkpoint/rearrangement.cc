#include "encoder/checkpoint/rearrangement.h"

#include <algorithm>
#include <utility>

namespace gannet::encoder {
namespace {

std::vector<float> Transposed(const std::vector<float>& values, size_t rows) {
  const size_t columns = values.size() / rows;
  std::vector<float> transposed(values.size());
  for (size_t c = 0; c < columns; ++c) {
    for (size_t r = 0; r < rows; ++r) transposed[r * columns + c] = values[c * rows + r];
  }
  return transposed;
}

}  // namespace

void Rearrangement::Apply(std::vector<float>& values, size_t rows) const {
  if (kind == Kind::kNone || values.empty()) return;
  if (kind == Kind::kTranspose) {
    values = Transposed(values, rows);
    return;
  }
  if (kind == Kind::kMinusOne) {
    for (float& v : values) v -= 1;
    return;
  }
  const size_t row = values.size() / rows, of_head = rows / heads;
  // Where row `r` of a head lies in the file.
  const auto place = [&](size_t head, size_t r) {
    if (kind == Kind::kPairsToHalves) {
      const size_t half = of_head / 2;
      return head * of_head + 2 * (r % half) + r / half;
    }
    const size_t third = of_head / 3;
    return r / third * heads * third + head * third + r % third;
  };
  std::vector<float> ordered(values.size());
  for (size_t head = 0; head < heads; ++head) {
    for (size_t r = 0; r < of_head; ++r) {
      std::copy_n(&values[place(head, r) * row], row, &ordered[(head * of_head + r) * row]);
    }
  }
  values = std::move(ordered);
}

}  // namespace gannet::encoder
