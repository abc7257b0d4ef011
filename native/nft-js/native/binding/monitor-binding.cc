// SPDX-License-Identifier: Apache-2.0
#include "monitor-binding.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../change-monitor.h"
#include "promise-worker.h"

namespace nftjs {

namespace {

using Piece = std::vector<std::uint8_t>;

void call_listener(Napi::Env env, Napi::Function listener, std::nullptr_t*, Piece* raw) {
  const std::unique_ptr<Piece> piece(raw);
  if (env == nullptr) return;
  if (piece->empty()) {
    listener.Call({env.Undefined()});
    return;
  }
  listener.Call({Napi::Buffer<std::uint8_t>::Copy(env, piece->data(), piece->size())});
}

using Channel = Napi::TypedThreadSafeFunction<std::nullptr_t, Piece, call_listener>;

}  // namespace

Napi::Value open_monitor(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string netns = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : std::string();
  if (!info[1].IsFunction()) throw Napi::TypeError::New(env, "listener must be a function");
  std::shared_ptr<ChangeMonitor> monitor;
  try {
    monitor = std::make_shared<ChangeMonitor>(netns);
  } catch (const std::system_error& failure) {
    throw to_js_error(env, failure);
  }
  // The finalizer holds the monitor: it runs after the thread's release and also when Node shuts down first.
  const Channel channel = Channel::New(
      env, info[1].As<Napi::Function>(), "nft-js monitor", 0, 1, static_cast<std::nullptr_t*>(nullptr),
      [monitor](Napi::Env, void*, std::nullptr_t*) mutable { monitor.reset(); }, static_cast<void*>(nullptr));
  monitor->start(
      [channel](Piece bytes) {
        auto piece = std::make_unique<Piece>(std::move(bytes));
        if (channel.NonBlockingCall(piece.get()) == napi_ok) piece.release();
      },
      [channel]() mutable { channel.Release(); });
  return Napi::Function::New(env, [watched = std::weak_ptr<ChangeMonitor>(monitor)](const Napi::CallbackInfo&) {
    if (const auto running = watched.lock()) running->stop();
  });
}

}  // namespace nftjs
