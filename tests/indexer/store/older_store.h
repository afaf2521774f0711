#ifndef GANNET_TESTS_INDEXER_STORE_OLDER_STORE_H_
#define GANNET_TESTS_INDEXER_STORE_OLDER_STORE_H_

#include <filesystem>
#include <string>

namespace gannet::testing {

// Makes a store that nobody has open what the programs made that did not know the family `name`.
void DropFamily(const std::filesystem::path& store, const std::string& name);

}  // namespace gannet::testing

#endif  // GANNET_TESTS_INDEXER_STORE_OLDER_STORE_H_
