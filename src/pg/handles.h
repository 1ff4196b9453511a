// Owners of libpq's C handles: one line a type.
#pragma once

#include <libpq-fe.h>

#include <memory>

namespace walrelay::pg {

template <auto Function>
struct Releaser {
  template <class T>
  void operator()(T* handle) const {
    Function(handle);
  }
};

using ConnHandle = std::unique_ptr<PGconn, Releaser<PQfinish>>;
using ResultHandle = std::unique_ptr<PGresult, Releaser<PQclear>>;
using CancelHandle = std::unique_ptr<PGcancel, Releaser<PQfreeCancel>>;
using MemoryHandle = std::unique_ptr<char, Releaser<PQfreemem>>;
using ConninfoHandle = std::unique_ptr<PQconninfoOption, Releaser<PQconninfoFree>>;

}  // namespace walrelay::pg
