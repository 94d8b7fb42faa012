// SPDX-License-Identifier: Apache-2.0
#include "safetensors_header.hpp"

#include "in_quotes.hpp"
#include "tensor_size.hpp"
#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <optional>
#include <set>

namespace xfer::files {
namespace {

using nlohmann::json;

std::optional<StoredType> type_named(std::string_view name) {
  for (const auto type : {StoredType::f32, StoredType::f16, StoredType::bf16, StoredType::i64,
                          StoredType::i32, StoredType::u8}) {
    if (name == to_string(type)) return type;
  }
  return std::nullopt;
}

// Reads the header while it is parsed and stops at the first thing that does not belong there, so
// that a hostile header of the largest allowed size costs no more memory than its own tensors.
class HeaderReader : public nlohmann::json_sax<json> {
public:
  HeaderReader(SafetensorsHeader& header, const std::filesystem::path& path)
      : header_(header), path_(path) {}

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::outside: place_ = Place::top; return true;
      case Place::tensor_wanted:
        place_ = Place::tensor;
        fields_.clear();
        return true;
      case Place::metadata_wanted: place_ = Place::metadata; return true;
      default: unexpected("an object");
    }
  }

  bool key(std::string& name) override {
    switch (place_) {
      case Place::top:
        where_ = name;
        if (!names_.insert(name).second) fail("name used twice");
        if (name == "__metadata__") {
          place_ = Place::metadata_wanted;
        } else {
          entry_ = {};
          entry_.name = name;
          place_ = Place::tensor_wanted;
        }
        return true;
      case Place::tensor: return tensor_field(name);
      case Place::metadata:
        metadata_key_ = name;
        if (header_.metadata.count(name) != 0) fail(in_quotes(name) + " used twice");
        place_ = Place::metadata_value;
        return true;
      default: unexpected("a key");
    }
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      finish_tensor();
      place_ = Place::top;
    } else if (place_ == Place::metadata) {
      place_ = Place::top;
    } else {
      place_ = Place::outside;
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::shape_wanted) {
      place_ = Place::shape;
    } else if (place_ == Place::offsets_wanted) {
      place_ = Place::offsets;
    } else {
      unexpected("a list");
    }
    return true;
  }

  bool end_array() override {
    if (place_ == Place::offsets && offsets_.size() != 2) fail("data_offsets needs two numbers");
    place_ = Place::tensor;
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::dtype) {
      const auto type = type_named(text);
      if (!type) {
        fail("dtype not known (got " + in_quotes(text) + ", allowed F32, F16, BF16, I64, I32, U8)");
      }
      entry_.type = *type;
      place_ = Place::tensor;
    } else if (place_ == Place::metadata_value) {
      header_.metadata.emplace(metadata_key_, text);
      place_ = Place::metadata;
    } else {
      unexpected("a text");
    }
    return true;
  }

  bool number_unsigned(json::number_unsigned_t value) override {
    if (place_ == Place::shape) {
      if (entry_.shape.size() == rank_max) fail("shape has more than 8 dimensions");
      if (value > dimension_max) {
        fail("dimension too large (got " + std::to_string(value) + ", allowed " +
             std::to_string(dimension_max) + ")");
      }
      entry_.shape.push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::offsets) {
      if (offsets_.size() == 2) fail("data_offsets needs two numbers");
      offsets_.push_back(value);
    } else {
      unexpected("a number");
    }
    return true;
  }

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a boolean"); }
  bool number_integer(json::number_integer_t) override { unexpected("a negative number"); }
  bool number_float(json::number_float_t, const std::string&) override {
    unexpected("a number that is not whole");
  }
  bool binary(json::binary_t&) override { unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    fail("header is not valid JSON at byte " + std::to_string(position));
  }

private:
  enum class Place {
    outside,
    top,
    tensor_wanted,
    tensor,
    dtype,
    shape_wanted,
    shape,
    offsets_wanted,
    offsets,
    metadata_wanted,
    metadata,
    metadata_value,
  };

  [[noreturn]] void fail(const std::string& what) const {
    const std::string tensor = where_.empty() ? "" : in_quotes(where_) + ": ";
    throw Error(Errc::bad_data, path_.string() + ": " + tensor + what);
  }
  [[noreturn]] void unexpected(const std::string& what) const {
    fail("header holds " + what + " where it does not belong");
  }

  bool tensor_field(const std::string& name) {
    if (!fields_.insert(name).second) fail(in_quotes(name) + " given twice");
    if (name == "dtype") {
      place_ = Place::dtype;
    } else if (name == "shape") {
      place_ = Place::shape_wanted;
    } else if (name == "data_offsets") {
      offsets_.clear();
      place_ = Place::offsets_wanted;
    } else {
      fail("field not known (got " + in_quotes(name) + ", allowed dtype, shape, data_offsets)");
    }
    return true;
  }

  void finish_tensor() {
    if (fields_.size() != 3) fail("needs dtype, shape and data_offsets");
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    const auto elements = element_count(entry_.shape);
    const auto size = elements ? checked_product(*elements, size_of(entry_.type)) : std::nullopt;
    if (!size) fail("shape too large");
    if (entry_.end < entry_.begin || entry_.end - entry_.begin != *size) {
      fail("data_offsets do not fit shape and dtype (got " + std::to_string(entry_.begin) + " to " +
           std::to_string(entry_.end) + ", size needed " + std::to_string(*size) + ")");
    }
    header_.tensors.push_back(std::move(entry_));
  }

  SafetensorsHeader& header_;
  const std::filesystem::path& path_;
  Place place_ = Place::outside;
  std::string where_;
  std::set<std::string> names_;
  std::set<std::string> fields_;
  TensorEntry entry_;
  std::vector<std::uint64_t> offsets_;
  std::string metadata_key_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text,
                                           const std::filesystem::path& path) {
  SafetensorsHeader header;
  HeaderReader reader(header, path);
  if (!text.starts_with('{')) {
    throw Error(Errc::bad_data, path.string() + ": header does not start with '{'");
  }
  json::sax_parse(text, &reader);
  return header;
}

}  // namespace xfer::files
