// The addon's export table; everything else is in binding/.
#include <napi.h>

#include "binding/conntrack.h"

namespace {

Napi::Object export_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("listConntrack", Napi::Function::New(env, weir::list_conntrack_async, "listConntrack"));
  exports.Set("deleteConntrack", Napi::Function::New(env, weir::delete_conntrack_async, "deleteConntrack"));
  return exports;
}

}  // namespace

NODE_API_MODULE(weir, export_functions)
