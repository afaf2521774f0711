#include "base/parquet/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

namespace gannet::base::parquet {
namespace {

static_assert(std::endian::native == std::endian::little, "Parquet's values are little-endian");

constexpr int64_t kSecondsOfDay = 86400;
constexpr int64_t kNanosecondsOfSecond = 1'000'000'000;
constexpr int64_t kJulianDayOfEpoch = 2440588;  // 1970-01-01.

template <typename T>
T Load(std::string_view plain) {
  T value{};
  std::memcpy(&value, plain.data(), std::min(sizeof value, plain.size()));
  return value;
}

int64_t LoadInteger(const Leaf& leaf, std::string_view plain) {
  return leaf.type == PhysicalType::kInt32 ? Load<int32_t>(plain) : Load<int64_t>(plain);
}

// The shortest digits that read back as the same number, and a sign that it is no integer.
template <typename T>
void AppendFloat(T value, std::string& json) {
  if (!std::isfinite(value)) {
    json += "null";
    return;
  }
  const size_t begin = json.size();
  fmt::format_to(std::back_inserter(json), "{}", value);
  if (json.find_first_of(".e", begin) == std::string::npos) json += ".0";
}

// IEEE 754 binary16.
float HalfToFloat(uint16_t half) {
  const int exponent = half >> 10 & 0x1F;
  const int fraction = half & 0x3FF;
  float magnitude = std::numeric_limits<float>::infinity();
  if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else if (exponent < 31) {
    magnitude = std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  } else if (fraction != 0) {
    magnitude = std::numeric_limits<float>::quiet_NaN();
  }
  return (half >> 15) != 0 ? -magnitude : magnitude;
}

// Two's complement, the highest byte first, at most 16 of them.
__int128 LoadBigEndian(std::string_view bytes) {
  unsigned __int128 value = 0;
  if (!bytes.empty() && (bytes.front() & '\x80') != 0) value = ~value;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return static_cast<__int128>(value);
}

absl::Status AppendDecimal(const Leaf& leaf, std::string_view plain, std::string& json) {
  const bool is_integer = leaf.type == PhysicalType::kInt32 || leaf.type == PhysicalType::kInt64;
  if (plain.size() > sizeof(__int128)) {
    return absl::InvalidArgumentError(fmt::format("a decimal of {} bytes", plain.size()));
  }
  const __int128 unscaled = is_integer ? LoadInteger(leaf, plain) : LoadBigEndian(plain);
  auto rest = static_cast<unsigned __int128>(unscaled);
  if (unscaled < 0) rest = -rest;
  std::string digits;  // The lowest first.
  const auto scale = static_cast<size_t>(leaf.scale);
  while (rest != 0 || digits.size() <= scale) {
    digits += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  if (scale > 0) digits.insert(scale, 1, '.');
  if (unscaled < 0) json += '-';
  json.append(digits.rbegin(), digits.rend());
  return absl::OkStatus();
}

absl::Status AppendDate(int64_t days, std::string& json) {
  constexpr int64_t kFirst = -719162;  // 0001-01-01
  constexpr int64_t kLast = 2932896;   // 9999-12-31
  if (days < kFirst || days > kLast) {
    return absl::InvalidArgumentError(
        fmt::format("a date {} days from 1970-01-01, outside years 1 to 9999", days));
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(days)}}};
  fmt::format_to(std::back_inserter(json), "{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return absl::OkStatus();
}

struct Unit {
  int64_t per_second;
  int digits;
};

Unit UnitOf(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kMilliseconds:
      return {1'000, 3};
    case TimeUnit::kMicroseconds:
      return {1'000'000, 6};
    case TimeUnit::kNanoseconds:
      break;
  }
  return {kNanosecondsOfSecond, 9};
}

absl::Status AppendTime(int64_t since_midnight, Unit unit, std::string& json) {
  const int64_t second = since_midnight / unit.per_second;
  if (since_midnight < 0 || second >= kSecondsOfDay) {
    return absl::InvalidArgumentError(
        fmt::format("a time of day {}/{} seconds past midnight", since_midnight, unit.per_second));
  }
  fmt::format_to(std::back_inserter(json), "{:02}:{:02}:{:02}.{:0{}}", second / 3600,
                 second / 60 % 60, second % 60, since_midnight % unit.per_second, unit.digits);
  return absl::OkStatus();
}

absl::Status AppendMoment(int64_t day, int64_t since_midnight, Unit unit, bool is_utc,
                          std::string& json) {
  if (absl::Status status = AppendDate(day, json); !status.ok()) return status;
  json += 'T';
  if (absl::Status status = AppendTime(since_midnight, unit, json); !status.ok()) return status;
  if (is_utc) json += 'Z';
  return absl::OkStatus();
}

absl::Status AppendTimestamp(const Leaf& leaf, int64_t since_epoch, std::string& json) {
  const Unit unit = UnitOf(leaf.unit);
  const int64_t per_day = kSecondsOfDay * unit.per_second;
  const int64_t within = (since_epoch % per_day + per_day) % per_day;  // Floored, also before 1970.
  const int64_t day = since_epoch / per_day - (since_epoch % per_day < 0 ? 1 : 0);
  return AppendMoment(day, within, unit, leaf.is_utc, json);
}

// What Impala and Spark write: nanoseconds of the day and its Julian number.
absl::Status AppendInt96(std::string_view plain, std::string& json) {
  const int64_t day = int64_t{Load<uint32_t>(plain.substr(8))} - kJulianDayOfEpoch;
  return AppendMoment(day, Load<int64_t>(plain), UnitOf(TimeUnit::kNanoseconds), false, json);
}

void AppendUuid(std::string_view plain, std::string& json) {
  for (size_t i = 0; i < plain.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) json += '-';
    fmt::format_to(std::back_inserter(json), "{:02x}", static_cast<uint8_t>(plain[i]));
  }
}

// A value that is written between quotes.
absl::Status AppendQuoted(const Leaf& leaf, std::string_view plain, std::string& json) {
  switch (leaf.form) {
    case ValueForm::kDate:
      return AppendDate(Load<int32_t>(plain), json);
    case ValueForm::kTime:
      return AppendTime(LoadInteger(leaf, plain), UnitOf(leaf.unit), json);
    case ValueForm::kTimestamp:
      return AppendTimestamp(leaf, Load<int64_t>(plain), json);
    case ValueForm::kInt96:
      return AppendInt96(plain, json);
    default:
      AppendUuid(plain, json);
      return absl::OkStatus();
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& json) {
  json += '"';
  size_t copied = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    json.append(text, copied, i - copied);
    copied = i + 1;
    switch (byte) {
      case '"':
        json += "\\\"";
        break;
      case '\\':
        json += "\\\\";
        break;
      case '\n':
        json += "\\n";
        break;
      case '\r':
        json += "\\r";
        break;
      case '\t':
        json += "\\t";
        break;
      default:
        fmt::format_to(std::back_inserter(json), "\\u{:04x}", byte);
    }
  }
  json.append(text, copied);
  json += '"';
}

absl::Status AppendJsonValue(const Leaf& leaf, std::string_view plain, std::string& json) {
  switch (leaf.form) {
    case ValueForm::kBoolean:
      json += plain.front() != 0 ? "true" : "false";
      return absl::OkStatus();
    case ValueForm::kSigned:
      fmt::format_to(std::back_inserter(json), "{}", LoadInteger(leaf, plain));
      return absl::OkStatus();
    case ValueForm::kUnsigned:
      fmt::format_to(
          std::back_inserter(json), "{}",
          leaf.type == PhysicalType::kInt32 ? Load<uint32_t>(plain) : Load<uint64_t>(plain));
      return absl::OkStatus();
    case ValueForm::kFloat:
      AppendFloat(Load<float>(plain), json);
      return absl::OkStatus();
    case ValueForm::kDouble:
      AppendFloat(Load<double>(plain), json);
      return absl::OkStatus();
    case ValueForm::kHalf:
      AppendFloat(HalfToFloat(Load<uint16_t>(plain)), json);
      return absl::OkStatus();
    case ValueForm::kText:
      AppendJsonString(plain, json);
      return absl::OkStatus();
    case ValueForm::kDecimal:
      return AppendDecimal(leaf, plain, json);
    case ValueForm::kNotRead:
      return absl::UnimplementedError(leaf.not_read);
    default:
      break;
  }
  json += '"';
  absl::Status status = AppendQuoted(leaf, plain, json);
  json += '"';
  return status;
}

}  // namespace gannet::base::parquet
