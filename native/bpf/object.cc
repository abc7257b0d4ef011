#include "bpf/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "core/errno_error.h"

namespace weir {
namespace {

constexpr size_t kLogTail = 4000;
constexpr size_t kVerifierLog = 1 << 20;

struct CloseObject {
  void operator()(bpf_object* object) const noexcept { bpf_object__close(object); }
};
using OwnedObject = std::unique_ptr<bpf_object, CloseObject>;

// What libbpf says while this thread loads; it has one place to print to in the whole process.
thread_local std::string* messages = nullptr;

int collect(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (messages == nullptr || level == LIBBPF_DEBUG) return 0;
  char line[1024];
  vsnprintf(line, sizeof(line), format, arguments);
  *messages += line;
  return 0;
}

// From when the addon is loaded on; by itself libbpf prints to stderr whatever the kernel refuses.
[[maybe_unused]] const libbpf_print_fn_t kReplaced = libbpf_set_print(collect);

class Collecting {
 public:
  explicit Collecting(std::string& into) { messages = &into; }
  Collecting(const Collecting&) = delete;
  Collecting& operator=(const Collecting&) = delete;
  ~Collecting() { messages = nullptr; }
};

std::string tail(const std::string& text) {
  return text.size() <= kLogTail ? text : "... " + text.substr(text.size() - kLogTail);
}

bpf_map* map_of(const bpf_object* object, const std::string& name, const std::string& path) {
  bpf_map* map = bpf_object__find_map_by_name(object, name.c_str());
  if (map == nullptr) throw ErrnoError("find map", name + " in " + path, ENOENT);
  return map;
}

bpf_map* constants_of(const bpf_object* object, const std::string& path) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    const std::string section = ".rodata";
    const bool ends = name.size() >= section.size() &&
                      name.compare(name.size() - section.size(), section.size(), section) == 0;
    if (bpf_map__is_internal(map) && ends) return map;
  }
  throw ErrnoError("find section", ".rodata in " + path, ENOENT);
}

const btf_var_secinfo* variable_of(const btf* types, const std::string& name) {
  const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  if (section < 0) return nullptr;
  const btf_type* type = btf__type_by_id(types, static_cast<uint32_t>(section));
  const btf_var_secinfo* variables = btf_var_secinfos(type);
  for (int index = 0; index < btf_vlen(type); ++index) {
    const btf_type* variable = btf__type_by_id(types, variables[index].type);
    if (name == btf__name_by_offset(types, variable->name_off)) return &variables[index];
  }
  return nullptr;
}

void set_constants(bpf_object* object, const std::string& path, const ObjectOptions& options) {
  if (options.constants.empty()) return;
  bpf_map* map = constants_of(object, path);
  size_t size = 0;
  const auto* initial = static_cast<const uint8_t*>(bpf_map__initial_value(map, &size));
  std::vector<uint8_t> bytes(initial, initial + size);
  for (const auto& [name, value] : options.constants) {
    const btf_var_secinfo* variable = variable_of(bpf_object__btf(object), name);
    if (variable == nullptr) throw ErrnoError("find constant", name + " in " + path, ENOENT);
    if (variable->size != value.size() || variable->offset + value.size() > size) {
      throw ErrnoError("set constant", name + " of another size in " + path, EINVAL);
    }
    std::memcpy(bytes.data() + variable->offset, value.data(), value.size());
  }
  const int failure = bpf_map__set_initial_value(map, bytes.data(), bytes.size());
  if (failure != 0) throw ErrnoError("bpf_map__set_initial_value", path, -failure);
}

void set_maps(const bpf_object* object, const std::string& path, const ObjectOptions& options) {
  for (const auto& [name, count] : options.max_entries) {
    const int failure = bpf_map__set_max_entries(map_of(object, name, path), count);
    if (failure != 0) throw ErrnoError("bpf_map__set_max_entries", name + " in " + path, -failure);
  }
  for (const auto& [name, pin] : options.pins) {
    const int failure = bpf_map__set_pin_path(map_of(object, name, path), pin.c_str());
    if (failure != 0) throw ErrnoError("bpf_map__set_pin_path", pin, -failure);
  }
}

void skip_programs(const bpf_object* object, const std::string& path, const ObjectOptions& options) {
  for (const std::string& name : options.skipped) {
    bpf_program* program = bpf_object__find_program_by_name(object, name.c_str());
    if (program == nullptr) throw ErrnoError("find program", name + " in " + path, ENOENT);
    const int failure = bpf_program__set_autoload(program, false);
    if (failure != 0) throw ErrnoError("bpf_program__set_autoload", name + " in " + path, -failure);
  }
}

UniqueFd duplicate(int fd, const std::string& name) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (copy.get() < 0) throw ErrnoError("fcntl F_DUPFD_CLOEXEC", name, errno);
  return copy;
}

LoadedObject descriptors_of(const bpf_object* object) {
  LoadedObject loaded;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__is_internal(map)) continue;
    const std::string name = bpf_map__name(map);
    loaded.maps.emplace(name, duplicate(bpf_map__fd(map), name));
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (!bpf_program__autoload(program)) continue;
    const std::string name = bpf_program__name(program);
    loaded.programs.emplace(name, duplicate(bpf_program__fd(program), name));
  }
  return loaded;
}

OwnedObject open_object(const std::string& path, std::vector<char>& log, const std::string& said) {
  LIBBPF_OPTS(bpf_object_open_opts, opened);
  opened.kernel_log_buf = log.data();
  opened.kernel_log_size = log.size();
  opened.kernel_log_level = 0;
  OwnedObject object(bpf_object__open_file(path.c_str(), &opened));
  if (!object) throw ErrnoError("bpf_object__open_file", path + "\n" + tail(said), errno);
  return object;
}

}  // namespace

LoadedObject load_object(const std::string& path, const ObjectOptions& options) {
  std::string said;
  const Collecting collecting(said);
  std::vector<char> log(kVerifierLog, '\0');
  const OwnedObject object = open_object(path, log, said);
  set_constants(object.get(), path, options);
  set_maps(object.get(), path, options);
  skip_programs(object.get(), path, options);
  const int failure = bpf_object__load(object.get());
  if (failure != 0) {
    throw ErrnoError("bpf_object__load", path + "\n" + tail(log.data()) + tail(said), -failure);
  }
  return descriptors_of(object.get());
}

}  // namespace weir
