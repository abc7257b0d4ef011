// Descriptors of maps, programs and links in JavaScript's hands: closed by it, or when nobody has them any more.
#pragma once

#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/unique_fd.h"

namespace weir {

// Work on another thread keeps its own share, so closing in JavaScript never pulls a descriptor from under it.
using SharedFd = std::shared_ptr<const UniqueFd>;

// An opaque value for JavaScript.
Napi::Value descriptor_value(Napi::Env env, SharedFd fd);

// The descriptor in argument `index`. Throws Napi::TypeError for anything else, and for one that was closed.
SharedFd descriptor_argument(const Napi::CallbackInfo& info, size_t index);

// The descriptors of an array, likewise.
std::vector<SharedFd> descriptors_argument(const Napi::CallbackInfo& info, size_t index);

// closeDescriptor(descriptor): void. Closing twice is fine.
Napi::Value close_descriptor(const Napi::CallbackInfo& info);

// Copies of arguments. They throw Napi::TypeError that names the argument.
std::vector<uint8_t> bytes_argument(const Napi::CallbackInfo& info, size_t index, const char* name);
std::vector<uint32_t> numbers_argument(const Napi::CallbackInfo& info, size_t index, const char* name);
std::string text_argument(const Napi::CallbackInfo& info, size_t index, const char* name);
// "" where it is undefined.
std::string optional_text_argument(const Napi::CallbackInfo& info, size_t index, const char* name);
uint32_t number_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

Napi::Value numbers_value(Napi::Env env, const std::vector<uint32_t>& numbers);
Napi::Value bytes_value(Napi::Env env, const std::vector<uint8_t>& bytes);

}  // namespace weir
