#include "binding/ring_reader.h"

#include <uv.h>

#include <memory>

#include "binding/descriptor.h"
#include "bpf/ring.h"
#include "core/errno_error.h"

namespace weir {
namespace {

constexpr napi_type_tag kTag = {0x77656972'72696e67ULL, 0x72656164'65720001ULL};

// Lives until libuv has let go of `poll`, which is after close().
struct Reader {
  Reader(Napi::Env env, const UniqueFd& map, size_t records, const Napi::Function& callback)
      : env(env), ring(map), limit(records), take(Napi::Persistent(callback)), context(env, "weir:ring") {}

  Napi::Env env;
  Ring ring;
  size_t limit;
  Napi::FunctionReference take;
  Napi::AsyncContext context;
  uv_poll_t poll = {};
};

void deliver(uv_poll_t* poll, int status, int) {
  auto* reader = static_cast<Reader*>(poll->data);
  if (status < 0) return;
  const Napi::HandleScope scope(reader->env);
  try {
    const auto& records = reader->ring.consume(reader->limit);
    if (records.empty()) return;
    reader->take.MakeCallback(reader->env.Global(), {bytes_value(reader->env, records)}, reader->context);
  } catch (const Napi::Error& error) {
    napi_fatal_exception(reader->env, error.Value());
  } catch (const ErrnoError& error) {
    napi_fatal_exception(reader->env, Napi::Error::New(reader->env, error.what()).Value());
  }
}

void close_reader(Reader* reader) {
  uv_close(reinterpret_cast<uv_handle_t*>(&reader->poll),
           [](uv_handle_t* handle) { delete static_cast<Reader*>(handle->data); });
}

void start(Reader* reader) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(reader->env, &loop);
  reader->poll.data = reader;
  uv_poll_init(loop, &reader->poll, reader->ring.poll_fd());
  uv_poll_start(&reader->poll, UV_READABLE, deliver);
  uv_unref(reinterpret_cast<uv_handle_t*>(&reader->poll));
}

// The reader's place in JavaScript: empty once it is closed.
void forget(Napi::Env, Reader** place) {
  if (*place != nullptr) close_reader(*place);
  delete place;
}

}  // namespace

Napi::Value read_ring(const Napi::CallbackInfo& info) {
  const SharedFd map = descriptor_argument(info, 0);
  const uint32_t limit = number_argument(info, 1, "limit");
  if (limit == 0) throw Napi::RangeError::New(info.Env(), "limit must be at least 1");
  if (!info[2].IsFunction()) throw Napi::TypeError::New(info.Env(), "take must be a function");
  std::unique_ptr<Reader> reader;
  try {
    reader = std::make_unique<Reader>(info.Env(), *map, limit, info[2].As<Napi::Function>());
  } catch (const ErrnoError& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
  start(reader.get());
  auto external = Napi::External<Reader*>::New(info.Env(), new Reader*(reader.release()), forget);
  external.TypeTag(&kTag);
  return external;
}

Napi::Value close_ring(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal() || !info[0].As<Napi::External<Reader*>>().CheckTypeTag(&kTag)) {
    throw Napi::TypeError::New(info.Env(), "not a reader of a ring");
  }
  Reader** place = info[0].As<Napi::External<Reader*>>().Data();
  if (*place != nullptr) close_reader(*place);
  *place = nullptr;
  return info.Env().Undefined();
}

}  // namespace weir
