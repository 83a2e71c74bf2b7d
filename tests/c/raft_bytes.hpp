// What the tests of Raft by way of the C++ wrapper share.
#ifndef NSW_TEST_RAFT_BYTES_HPP
#define NSW_TEST_RAFT_BYTES_HPP

#include <cstdint>
#include <string>
#include <vector>

using bytes = std::vector<std::uint8_t>;

inline bytes bytes_of(const std::string &text) {
    return bytes(text.begin(), text.end());
}

#endif
