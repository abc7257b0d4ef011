#include "binding/conntrack_values.h"

#include <sys/socket.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace weir {
namespace {

constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;

std::optional<uint32_t> number_field(const Napi::Object& object, const char* name, uint32_t most) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return std::nullopt;
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (number < 0 || number > most || std::floor(number) != number) {
    throw Napi::RangeError::New(object.Env(), std::string(name) + " must be an integer from 0 to " + std::to_string(most));
  }
  return static_cast<uint32_t>(number);
}

std::optional<uint8_t> byte_field(const Napi::Object& object, const char* name) {
  const auto number = number_field(object, name, UINT8_MAX);
  return number ? std::optional<uint8_t>(static_cast<uint8_t>(*number)) : std::nullopt;
}

std::optional<uint16_t> port_field(const Napi::Object& object, const char* name) {
  const auto number = number_field(object, name, UINT16_MAX);
  return number ? std::optional<uint16_t>(static_cast<uint16_t>(*number)) : std::nullopt;
}

std::optional<AddressBytes> address_field(const Napi::Object& object, const char* name, uint8_t family) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return std::nullopt;
  const size_t wanted = family == AF_INET ? kIpv4Bytes : kIpv6Bytes;
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array ||
      value.As<Napi::TypedArray>().ByteLength() != wanted) {
    throw Napi::TypeError::New(object.Env(),
                               std::string(name) + " must be a Uint8Array of " + std::to_string(wanted) + " bytes");
  }
  const auto bytes = value.As<Napi::Uint8Array>();
  AddressBytes address = {};
  std::copy_n(bytes.Data(), wanted, address.begin());
  return address;
}

std::optional<bool> boolean_field(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return std::nullopt;
  if (!value.IsBoolean()) throw Napi::TypeError::New(object.Env(), std::string(name) + " must be a boolean");
  return value.As<Napi::Boolean>().Value();
}

uint8_t family_field(const Napi::Object& object) {
  const auto family = number_field(object, "family", UINT8_MAX);
  if (family != 4U && family != 6U) throw Napi::RangeError::New(object.Env(), "family must be 4 or 6");
  return family == 4U ? AF_INET : AF_INET6;
}

std::vector<uint8_t> states_field(const Napi::Object& object) {
  const Napi::Value value = object.Get("tcpStates");
  if (value.IsUndefined()) return {};
  if (!value.IsArray()) throw Napi::TypeError::New(object.Env(), "tcpStates must be an array of numbers");
  const auto array = value.As<Napi::Array>();
  std::vector<uint8_t> states;
  for (uint32_t index = 0; index < array.Length(); ++index) {
    const Napi::Value state = array.Get(index);
    if (!state.IsNumber()) throw Napi::TypeError::New(object.Env(), "tcpStates must be an array of numbers");
    states.push_back(static_cast<uint8_t>(state.As<Napi::Number>().Uint32Value()));
  }
  return states;
}

Napi::Value address_value(Napi::Env env, uint8_t family, const AddressBytes& address) {
  const size_t length = family == AF_INET ? kIpv4Bytes : kIpv6Bytes;
  Napi::Uint8Array bytes = Napi::Uint8Array::New(env, length);
  std::copy_n(address.begin(), length, bytes.Data());
  return bytes;
}

Napi::Object tuple_value(Napi::Env env, uint8_t family, const ConntrackTuple& tuple) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("source", address_value(env, family, tuple.source));
  value.Set("destination", address_value(env, family, tuple.destination));
  value.Set("sourcePort", Napi::Number::New(env, tuple.source_port));
  value.Set("destinationPort", Napi::Number::New(env, tuple.destination_port));
  return value;
}

}  // namespace

ConntrackFilter filter_from(const Napi::Value& value) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), "a conntrack filter must be an object");
  const auto object = value.As<Napi::Object>();
  ConntrackFilter filter;
  filter.family = family_field(object);
  filter.protocol = byte_field(object, "protocol");
  filter.original_source = address_field(object, "originalSource", filter.family);
  filter.original_destination = address_field(object, "originalDestination", filter.family);
  filter.original_destination_port = port_field(object, "originalDestinationPort");
  filter.reply_source = address_field(object, "replySource", filter.family);
  filter.reply_source_port = port_field(object, "replySourcePort");
  filter.natted = boolean_field(object, "natted");
  filter.tcp_states = states_field(object);
  return filter;
}

Napi::Object value_of(Napi::Env env, const ConntrackEntry& entry) {
  Napi::Object value = Napi::Object::New(env);
  value.Set("family", Napi::Number::New(env, entry.family == AF_INET ? 4 : 6));
  value.Set("protocol", Napi::Number::New(env, entry.protocol));
  value.Set("original", tuple_value(env, entry.family, entry.original));
  value.Set("reply", tuple_value(env, entry.family, entry.reply));
  value.Set("status", Napi::Number::New(env, entry.status));
  value.Set("id", Napi::Number::New(env, entry.id));
  value.Set("timeoutSeconds", Napi::Number::New(env, entry.timeout_seconds));
  value.Set("mark", Napi::Number::New(env, entry.mark));
  value.Set("tcpState", entry.tcp_state ? Napi::Value(Napi::Number::New(env, *entry.tcp_state)) : env.Null());
  return value;
}

}  // namespace weir
