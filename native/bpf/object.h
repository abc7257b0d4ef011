// BPF object files: opened, given their constants and sizes, loaded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/unique_fd.h"

namespace weir {

struct ObjectOptions {
  // Initial bytes of variables in the section .rodata, by name. They are constant once the object is loaded.
  std::map<std::string, std::vector<uint8_t>> constants;
  // Sizes of maps, by name, where they differ from the object's own.
  std::map<std::string, uint32_t> max_entries;
  // Files in a BPF file system, by map: the map that is there is used, or a new one is put there.
  std::map<std::string, std::string> pins;
  // Programs that are not loaded, by name.
  std::vector<std::string> skipped;
};

// Descriptors of what was loaded, by the names in the object. The programs live as long as theirs, or a pin or link.
struct LoadedObject {
  std::map<std::string, UniqueFd> maps;
  std::map<std::string, UniqueFd> programs;
};

// Loads the object file at `path`. Throws ErrnoError whose object names the file and ends in what libbpf and the verifier
// said; nothing stays loaded then, but maps that were pinned before the failure stay pinned.
LoadedObject load_object(const std::string& path, const ObjectOptions& options);

}  // namespace weir
