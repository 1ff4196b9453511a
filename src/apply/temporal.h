// Dates and times: from Debezium's numbers and ISO texts to PostgreSQL's input text.
//
// All times are UTC, as Debezium writes them. Its stand-ins for infinity become infinity again.
// Pure. Source: FORMAT.md §4.2, §4.3; PostgreSQL manual, "Date/Time Input".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace walrelay::apply {

// Days since 1970: "2020-01-02", "0044-03-15 BC".
void AppendDate(int64_t days, std::string& out);
// Microseconds since midnight: "11:51:30.123456", "24:00:00". False outside of a day.
bool AppendTime(int64_t micros, std::string& out);
// Since 1970 in units of 10^-digits seconds, digits 3, 6 or 9: "2020-01-02 03:04:05.987654".
void AppendTimestamp(int64_t value, int digits, std::string& out);
// MicroDuration: "1 days 02:30:00", or months where it is a whole number of Debezium's mean months.
void AppendInterval(int64_t micros, std::string& out);
// "-0043-03-15T12:00:00.000000Z" → "0044-03-15 12:00:00.000000Z BC"; "infinity" as it is. A year
// beyond PostgreSQL's range that Debezium writes for infinity becomes infinity. False when it has
// no year. With `keep_zone` false the Z is left out: timestamp, date and time are without zone.
bool AppendIsoDateTime(std::string_view iso, bool keep_zone, std::string& out);

}  // namespace walrelay::apply
