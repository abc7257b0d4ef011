#include "binding/event_reader.h"

#include <string>

#include "core/errno_error.h"

namespace weir {
namespace {

constexpr napi_type_tag kTag = {0x77656972'65766e74ULL, 0x72656164'65720001ULL};

}  // namespace

void EventReader::deliver(uv_poll_t* poll, int status, int) {
  auto* reader = static_cast<EventReader*>(poll->data);
  // libuv stops where a socket has an error to report, as netlink's has when it had to drop something; reading fetches it.
  if (status < 0) uv_poll_start(poll, UV_READABLE, deliver);
  const Napi::Env env = reader->env();
  const Napi::HandleScope scope(env);
  try {
    const Napi::Value value = reader->read();
    if (value.IsEmpty()) return;
    if (reader->pause() > 0) {
      uv_poll_stop(poll);
      uv_timer_start(&reader->timer_, resume, reader->pause(), 0);
    }
    reader->take_.MakeCallback(env.Global(), {value}, reader->context_);
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());
  } catch (const ErrnoError& error) {
    napi_fatal_exception(env, Napi::Error::New(env, error.what()).Value());
  }
}

// Being watched anew tells of what came meanwhile.
void EventReader::resume(uv_timer_t* timer) {
  uv_poll_start(&static_cast<EventReader*>(timer->data)->poll_, UV_READABLE, deliver);
}

// It lives until libuv has let go of its handles.
void EventReader::close(EventReader* reader) {
  uv_close(reinterpret_cast<uv_handle_t*>(&reader->poll_), [](uv_handle_t* poll) {
    auto* closing = static_cast<EventReader*>(poll->data);
    uv_close(reinterpret_cast<uv_handle_t*>(&closing->timer_),
             [](uv_handle_t* timer) { delete static_cast<EventReader*>(timer->data); });
  });
}

Napi::Value EventReader::start(std::unique_ptr<EventReader> owned) {
  const Napi::Env env = owned->env();
  EventReader* reader = owned.release();
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  reader->poll_.data = reader;
  uv_poll_init(loop, &reader->poll_, reader->poll_fd());
  uv_poll_start(&reader->poll_, UV_READABLE, deliver);
  uv_unref(reinterpret_cast<uv_handle_t*>(&reader->poll_));
  reader->timer_.data = reader;
  uv_timer_init(loop, &reader->timer_);
  uv_unref(reinterpret_cast<uv_handle_t*>(&reader->timer_));
  // The reader's place in JavaScript: empty once it is closed.
  auto external = Napi::External<EventReader*>::New(env, new EventReader*(reader), [](Napi::Env, EventReader** place) {
    if (*place != nullptr) close(*place);
    delete place;
  });
  external.TypeTag(&kTag);
  return external;
}

Napi::Function function_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsFunction()) throw Napi::TypeError::New(info.Env(), std::string(name) + " must be a function");
  return info[index].As<Napi::Function>();
}

Napi::Value close_reader(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal() || !info[0].As<Napi::External<EventReader*>>().CheckTypeTag(&kTag)) {
    throw Napi::TypeError::New(info.Env(), "not a reader");
  }
  EventReader** place = info[0].As<Napi::External<EventReader*>>().Data();
  if (*place != nullptr) EventReader::close(*place);
  *place = nullptr;
  return info.Env().Undefined();
}

}  // namespace weir
