// Programs that the kernel runs on each of its objects of a kind.
#pragma once

#include "core/unique_fd.h"

namespace weir {

// Runs an iterator's program on every object that the calling thread sees: of sockets, those of its network namespace. `map`,
// where there is one: on each of its entries. What the program prints is thrown away. Throws ErrnoError.
void run_iterator(const UniqueFd& program, const UniqueFd* map = nullptr);

}  // namespace weir
