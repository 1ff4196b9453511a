// Positions and identifiers of PostgreSQL, as types that cannot be mixed up or added.
//
// Source: PostgreSQL manual, "pg_lsn Type", "Object Identifier Types".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace walrelay {

// A byte position in the write-ahead log. 0 is "none": no record begins there.
enum class Lsn : uint64_t {};
// A 32-bit transaction id, as pgoutput sends it.
enum class Xid : uint32_t {};
// The id of a catalog object: a type, a relation.
enum class Oid : uint32_t {};

inline constexpr Lsn kNoLsn{0};

constexpr uint64_t Number(Lsn lsn) { return static_cast<uint64_t>(lsn); }
constexpr uint32_t Number(Xid xid) { return static_cast<uint32_t>(xid); }
constexpr uint32_t Number(Oid oid) { return static_cast<uint32_t>(oid); }

// "16/B3748", as the server prints it.
std::string ToString(Lsn lsn);
std::string ToString(Xid xid);
std::string ToString(Oid oid);

// "16/B3748 to 16/B3800 (184 bytes of WAL)". from <= to.
std::string WalRange(Lsn from, Lsn to);

// The opposite of ToString(Lsn); nullopt for anything else.
std::optional<Lsn> ParseLsn(std::string_view text);

}  // namespace walrelay
