// Names of topics, and the two ways in which Debezium makes names legal.
//
// Source: FORMAT.md §2.1, §6.1, §7; Debezium's SchemaTopicNamingStrategy, SchemaNameAdjuster.
#pragma once

#include <string>
#include <string_view>

#include "envelope/options.h"

namespace walrelay::envelope {

// Topic of a table's rows. Two tables may share one: what is not [A-Za-z0-9._-] becomes '_'.
std::string TopicName(const Options& options, std::string_view schema, std::string_view table);
std::string HeartbeatTopic(const Options& options);
std::string TransactionTopic(const Options& options);
// Topic of logical decoding messages: always with a '.', the prefix as it is.
std::string MessageTopic(const Options& options);

// A schema's name, or a field's, as schema.name.adjustment.mode and field.name.adjustment.mode want
// it.
std::string AdjustSchemaName(NameAdjustment mode, std::string_view name);
std::string AdjustFieldName(NameAdjustment mode, std::string_view name);

}  // namespace walrelay::envelope
