// Something that becomes readable, read on JavaScript's event loop.
#pragma once

#include <napi.h>
#include <uv.h>

#include <memory>

namespace weir {

class EventReader {
 public:
  // `name` is what async hooks see.
  EventReader(const Napi::Function& take, const char* name)
      : take_(Napi::Persistent(take)), context_(take.Env(), name) {}
  EventReader(const EventReader&) = delete;
  EventReader& operator=(const EventReader&) = delete;
  virtual ~EventReader() = default;

  // Hands it to the event loop, which it does not keep alive, and to JavaScript, which closes it, or forgets it.
  static Napi::Value start(std::unique_ptr<EventReader> reader);

 protected:
  Napi::Env env() const { return take_.Env(); }

 private:
  virtual int poll_fd() const = 0;
  // What to call `take` with; an empty value: nothing came. Must not wait. May throw ErrnoError.
  virtual Napi::Value read() = 0;
  // Milliseconds that it is left alone after it was read: what comes meanwhile is read together.
  virtual uint64_t pause() const { return 0; }

  static void deliver(uv_poll_t* poll, int status, int events);
  static void resume(uv_timer_t* timer);
  static void close(EventReader* reader);
  friend Napi::Value close_reader(const Napi::CallbackInfo& info);

  Napi::FunctionReference take_;
  Napi::AsyncContext context_;
  uv_poll_t poll_ = {};
  uv_timer_t timer_ = {};
};

// A function argument. Throws Napi::TypeError that names it.
Napi::Function function_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

// closeReader(reader): void, of any kind. Closing twice is fine.
Napi::Value close_reader(const Napi::CallbackInfo& info);

}  // namespace weir
